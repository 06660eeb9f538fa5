#include "segment.hpp"

#include "wire/tcp.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::script {

namespace {

namespace flag = wire::tcp_flag;
namespace kind = wire::tcp_option;

constexpr std::array<std::pair<std::uint8_t, char>, 8> letters{{{flag::syn, 'S'},
                                                                {flag::fin, 'F'},
                                                                {flag::rst, 'R'},
                                                                {flag::psh, 'P'},
                                                                {flag::urg, 'U'},
                                                                {flag::ece, 'E'},
                                                                {flag::cwr, 'W'},
                                                                {flag::ack, '.'}}};

template <class T>
std::string text_of(const std::optional<T>& number) {
    return number ? std::to_string(*number) : "*";
}

std::string text_of(const Option& option) {
    const auto& values = option.values;
    switch (option.kind) {
    case kind::end:
        return "eol";
    case kind::nop:
        return "nop";
    case kind::mss:
        return "mss " + text_of(values[0]);
    case kind::window_scale:
        return "wscale " + text_of(values[0]);
    case kind::sack_permitted:
        return "sackOK";
    case kind::timestamps:
        return "TS val " + text_of(values[0]) + " ecr " + text_of(values[1]);
    case kind::sack: {
        std::string text = "sack";
        for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
            text += " " + text_of(values[i]) + ":" + text_of(values[i + 1]);
        }
        return text;
    }
    default: {
        std::string text = "option " + std::to_string(int{option.kind});
        for (const auto& value : values) {
            text += " " + text_of(value);
        }
        return text;
    }
    }
}

std::string text_of(const std::vector<Option>& options) {
    std::string text;
    for (const Option& option : options) {
        text += (text.empty() ? "" : ",") + text_of(option);
    }
    return text;
}

std::string text_of_flags(std::uint8_t flags) {
    std::string text;
    for (const auto& [bit, letter] : letters) {
        if ((flags & bit) != 0) {
            text += letter;
        }
    }
    return text.empty() ? "-" : text;
}

std::string_view text_of(wire::Ecn ecn) {
    switch (ecn) {
    case wire::Ecn::not_capable:
        return "noecn";
    case wire::Ecn::capable_0:
        return "ect0";
    case wire::Ecn::capable_1:
        return "ect1";
    case wire::Ecn::congestion:
        return "ce";
    }
    return "?";
}

/// Bytes of each number of an option.
std::size_t width_of(std::uint8_t option_kind) {
    switch (option_kind) {
    case kind::mss:
        return 2;
    case kind::timestamps:
    case kind::sack:
        return 4;
    default:
        return 1;
    }
}

bool same(const std::optional<std::uint32_t>& expected, const std::optional<std::uint32_t>& sent) {
    return !expected || expected == sent;
}

bool same(const Option& expected, const Option& sent) {
    return expected.kind == sent.kind && expected.values.size() == sent.values.size() &&
           std::equal(expected.values.begin(), expected.values.end(), sent.values.begin(),
                      [](const auto& a, const auto& b) { return same(a, b); });
}

/// Padding says nothing, and neither does the order.
std::vector<Option> in_order(std::vector<Option> options) {
    std::erase_if(options,
                  [](const Option& o) { return o.kind == kind::nop || o.kind == kind::end; });
    std::ranges::sort(options, {}, &Option::kind);
    return options;
}

bool same_options(const Segment& expected, const Segment& sent) {
    const auto a = in_order(expected.options);
    const auto b = in_order(sent.options);
    return expected.any_options ||
           std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Option& x, const Option& y) { return same(x, y); });
}

} // namespace

std::string text_of(const Segment& segment) {
    std::string text;
    if (segment.conversation != 1) {
        text += "[" + std::to_string(segment.conversation) + "] ";
    }
    if (segment.ecn && segment.ecn != wire::Ecn::not_capable) {
        text += "[" + std::string{text_of(*segment.ecn)} + "] ";
    }
    text += text_of_flags(segment.flags) + " ";
    const auto end = segment.seq ? std::optional{*segment.seq + segment.length} : std::nullopt;
    text += text_of(segment.seq) + ":" + text_of(end) + "(" + std::to_string(segment.length) + ")";
    if (segment.has(flag::ack)) {
        text += " ack " + text_of(segment.ack);
    }
    if (segment.window) {
        text += " win " + std::to_string(*segment.window);
    }
    if (segment.urgent && segment.has(flag::urg)) {
        text += " urg " + std::to_string(*segment.urgent);
    }
    if (segment.any_options) {
        text += " <...>";
    } else if (!segment.options.empty()) {
        text += " <" + text_of(segment.options) + ">";
    }
    return text;
}

std::optional<std::uint8_t> flags_of(std::string_view text) {
    if (text == "-") {
        return std::uint8_t{0};
    }
    std::uint8_t flags = 0;
    for (const char letter : text) {
        const auto known =
            std::ranges::find(letters, letter, &std::pair<std::uint8_t, char>::second);
        if (known == letters.end()) {
            return std::nullopt;
        }
        flags = static_cast<std::uint8_t>(flags | known->first);
    }
    return flags;
}

std::vector<std::byte> encode_options(const std::vector<Option>& options) {
    std::vector<std::byte> bytes;
    for (const Option& option : options) {
        bytes.push_back(std::byte{option.kind});
        if (option.kind == kind::end || option.kind == kind::nop) {
            continue;
        }
        const std::size_t width = option.raw ? 1 : width_of(option.kind);
        bytes.push_back(static_cast<std::byte>(2 + width * option.values.size()));
        for (const auto& value : option.values) {
            for (std::size_t i = width; i-- > 0;) {
                bytes.push_back(static_cast<std::byte>(value.value_or(0) >> 8 * i));
            }
        }
    }
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return bytes;
}

std::optional<std::vector<Option>> decode_options(std::span<const std::byte> bytes) {
    std::vector<Option> options;
    while (!bytes.empty() && bytes[0] != std::byte{kind::end}) {
        Option option{std::to_integer<std::uint8_t>(bytes[0]), {}, false};
        std::size_t length = 1;
        if (option.kind != kind::nop) {
            length = bytes.size() < 2 ? 0 : std::to_integer<std::size_t>(bytes[1]);
            if (length < 2 || length > bytes.size()) {
                return std::nullopt;
            }
            const std::size_t width = width_of(option.kind);
            for (std::size_t at = 2; at + width <= length; at += width) {
                std::uint32_t value = 0;
                for (std::size_t i = 0; i < width; ++i) {
                    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
                }
                option.values.emplace_back(value);
            }
        }
        options.push_back(std::move(option));
        bytes = bytes.subspan(length);
    }
    return options;
}

std::string difference(const Segment& expected, const Segment& sent) {
    if (expected.conversation != sent.conversation) {
        return "connection";
    }
    if (expected.flags != sent.flags) {
        return "flags";
    }
    if (!same(expected.seq, sent.seq)) {
        return "sequence number";
    }
    if (expected.length != sent.length) {
        return "length";
    }
    if (expected.has(flag::ack) && !same(expected.ack, sent.ack)) {
        return "acknowledgement";
    }
    if (expected.window && expected.window != sent.window) {
        return "window";
    }
    if (expected.urgent && expected.urgent != sent.urgent) {
        return "urgent pointer";
    }
    if (expected.ecn.value_or(wire::Ecn::not_capable) != sent.ecn && expected.ecn) {
        return "ECN field";
    }
    return same_options(expected, sent) ? "" : "options";
}

} // namespace millrace::script
