#include "wire/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace millrace::wire {
namespace {

/// What inet_pton wants: the text with a zero at its end. Null when it is too long for an address.
class Terminated {
  public:
    explicit Terminated(std::string_view text) {
        if (text.size() < sizeof buffer_) {
            std::copy(text.begin(), text.end(), buffer_);
            fits_ = text.find('\0') == std::string_view::npos;
        }
    }
    [[nodiscard]] const char* text() const { return fits_ ? buffer_ : nullptr; }

  private:
    char buffer_[INET6_ADDRSTRLEN] = {};
    bool fits_ = false;
};

template <class Addr>
std::optional<Addr> parsed(int family, std::string_view text) {
    const Terminated terminated{text};
    Addr address;
    if (terminated.text() == nullptr ||
        ::inet_pton(family, terminated.text(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

template <class Addr>
std::string printed(int family, const Addr& address) {
    char buffer[INET6_ADDRSTRLEN] = {};
    return ::inet_ntop(family, address.bytes.data(), buffer, sizeof buffer);
}

/// Reads the whole text as one unsigned number up to `limit`.
std::optional<std::uint8_t> parsed_number(std::string_view text, int base, unsigned limit) {
    unsigned value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc{} || stopped != end || value > limit) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(value);
}

} // namespace

std::optional<MacAddr> MacAddr::from_string(std::string_view text) {
    constexpr std::size_t text_length = 17;
    if (text.size() != text_length) {
        return std::nullopt;
    }
    MacAddr address;
    for (std::size_t i = 0; i < address.bytes.size(); ++i) {
        const auto byte = parsed_number(text.substr(i * 3, 2), 16, 0xff);
        const bool separated = i + 1 == address.bytes.size() || text[i * 3 + 2] == ':';
        if (!byte || !separated) {
            return std::nullopt;
        }
        address.bytes[i] = *byte;
    }
    return address;
}

std::string MacAddr::to_string() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        if (!text.empty()) {
            text += ':';
        }
        text += digits[byte >> 4];
        text += digits[byte & 0xfU];
    }
    return text;
}

std::optional<Ipv4Addr> Ipv4Addr::from_string(std::string_view text) {
    return parsed<Ipv4Addr>(AF_INET, text);
}

std::string Ipv4Addr::to_string() const {
    return printed(AF_INET, *this);
}

std::optional<Ipv6Addr> Ipv6Addr::from_string(std::string_view text) {
    return parsed<Ipv6Addr>(AF_INET6, text);
}

std::string Ipv6Addr::to_string() const {
    return printed(AF_INET6, *this);
}

template <class Addr>
std::optional<Prefix<Addr>> Prefix<Addr>::from_string(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = Addr::from_string(text.substr(0, slash));
    const auto length = parsed_number(text.substr(slash + 1), 10, Addr::bits);
    if (!address || !length) {
        return std::nullopt;
    }
    return Prefix{*address, *length};
}

template <class Addr>
std::string Prefix<Addr>::to_string() const {
    return address.to_string() + '/' + std::to_string(length);
}

template struct Prefix<Ipv4Addr>;
template struct Prefix<Ipv6Addr>;

} // namespace millrace::wire
