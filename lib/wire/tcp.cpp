#include "wire/tcp.hpp"

#include <algorithm>

namespace millrace::wire {
namespace {

constexpr std::uint32_t user_timeout_limit = 0x7fff; ///< 15 bits of seconds or minutes.
constexpr unsigned user_timeout_in_minutes = 0x8000;

/// RFC 7413 §4.1.1: 4 to 16 bytes, an even number; none asks for a cookie.
constexpr bool is_cookie_length(std::size_t length_bytes) {
    return length_bytes == 0 || (length_bytes >= 4 && length_bytes <= 16 && length_bytes % 2 == 0);
}

std::uint16_t read_16(const std::byte* bytes) {
    return header_at<BigEndian<std::uint16_t>>(bytes);
}

std::uint32_t read_32(const std::byte* bytes) {
    return header_at<BigEndian<std::uint32_t>>(bytes);
}

/// `value` has the length that its kind asks for.
bool read_sack(std::span<const std::byte> value, TcpOptions& out) {
    constexpr std::size_t block_bytes = 8;
    const std::size_t count = value.size() / block_bytes;
    if (count == 0 || count > out.sack.size() || value.size() % block_bytes != 0) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::byte* block = value.data() + i * block_bytes;
        out.sack[i] = {SeqNum{read_32(block)}, SeqNum{read_32(block + 4)}};
    }
    out.sack_count = static_cast<std::uint8_t>(count);
    return true;
}

bool read_mss(std::span<const std::byte> value, TcpOptions& out) {
    if (value.size() != 2) {
        return false;
    }
    out.has_mss = true;
    out.mss = read_16(value.data());
    return true;
}

bool read_window_scale(std::span<const std::byte> value, TcpOptions& out) {
    if (value.size() != 1) {
        return false;
    }
    out.has_window_scale = true;
    out.window_scale = std::to_integer<std::uint8_t>(value[0]);
    return true;
}

bool read_timestamps(std::span<const std::byte> value, TcpOptions& out) {
    if (value.size() != 8) {
        return false;
    }
    out.has_timestamps = true;
    out.ts_val = read_32(value.data());
    out.ts_ecr = read_32(value.data() + 4);
    return true;
}

bool read_user_timeout(std::span<const std::byte> value, TcpOptions& out) {
    if (value.size() != 2) {
        return false;
    }
    const std::uint32_t field = read_16(value.data());
    const std::uint32_t count = field & user_timeout_limit;
    out.has_user_timeout = true;
    out.user_timeout_s = (field & user_timeout_in_minutes) != 0 ? count * 60 : count;
    return true;
}

bool read_fast_open(std::span<const std::byte> value, TcpOptions& out) {
    if (is_cookie_length(value.size())) {
        out.has_fast_open = true;
        out.fast_open_cookie = value;
    }
    return true;
}

/// Takes in one option; false when its length is wrong for its kind.
bool read_option(std::uint8_t kind, std::span<const std::byte> value, TcpOptions& out) {
    switch (kind) {
    case tcp_option::mss:
        return read_mss(value, out);
    case tcp_option::window_scale:
        return read_window_scale(value, out);
    case tcp_option::sack_permitted:
        out.sack_permitted = true;
        return value.empty();
    case tcp_option::sack:
        return read_sack(value, out);
    case tcp_option::timestamps:
        return read_timestamps(value, out);
    case tcp_option::user_timeout:
        return read_user_timeout(value, out);
    case tcp_option::fast_open:
        return read_fast_open(value, out);
    default:
        return true; // RFC 9293 MUST-6: an unknown option is ignored.
    }
}

/// Which options fit, and how many bytes they take together.
struct Plan {
    std::size_t length = 0;
    std::size_t sack_count = 0;
    bool fast_open = false;
    bool user_timeout = false;
};

constexpr std::size_t padded(std::size_t length_bytes) {
    return (length_bytes + 3) / 4 * 4;
}

Plan plan_options(const TcpOptions& options) {
    Plan plan;
    plan.length = (options.has_mss ? 4U : 0U) + (options.has_window_scale ? 4U : 0U);
    if (options.has_timestamps) {
        plan.length += detail::tcp_timestamps_bytes; // SACK-permitted takes the place of its NOPs.
    } else if (options.sack_permitted) {
        plan.length += 4;
    }
    if (options.sack_count > 0) {
        const std::size_t room = (tcp_options_bytes_max - plan.length - 4) / 8;
        plan.sack_count = std::min({room, std::size_t{options.sack_count}, options.sack.size()});
        plan.length += plan.sack_count > 0 ? 4 + plan.sack_count * 8 : 0;
    }
    const std::size_t cookie = options.fast_open_cookie.size();
    if (options.has_fast_open && is_cookie_length(cookie) &&
        plan.length + padded(2 + cookie) <= tcp_options_bytes_max) {
        plan.fast_open = true;
        plan.length += padded(2 + cookie);
    }
    if (options.has_user_timeout && plan.length + 4 <= tcp_options_bytes_max) {
        plan.user_timeout = true;
        plan.length += 4;
    }
    return plan;
}

/// Four bytes of options at a time, most significant first.
class WordWriter {
  public:
    explicit WordWriter(std::byte* out) : out_{out} {}

    void put(std::uint32_t word) {
        header_at<BigEndian<std::uint32_t>>(out_) = word;
        out_ += 4;
    }

    /// An option of any length, NOPs behind it.
    void put_padded(std::uint8_t kind, std::span<const std::byte> value) {
        const std::size_t length = 2 + value.size();
        std::memset(out_, tcp_option::nop, padded(length));
        out_[0] = std::byte{kind};
        out_[1] = static_cast<std::byte>(length);
        std::copy(value.begin(), value.end(), out_ + 2);
        out_ += padded(length);
    }

  private:
    std::byte* out_;
};

constexpr std::uint32_t word(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24 | b << 16 | c << 8 | d;
}

void write_timestamps_and_sack_permitted(WordWriter& writer, const TcpOptions& options) {
    using namespace tcp_option;
    if (options.has_timestamps) {
        writer.put(options.sack_permitted ? word(tcp_option::sack_permitted, 2, timestamps, 10)
                                          : word(nop, nop, timestamps, 10));
        writer.put(options.ts_val);
        writer.put(options.ts_ecr);
    } else if (options.sack_permitted) {
        writer.put(word(nop, nop, tcp_option::sack_permitted, 2));
    }
}

void write_sack(WordWriter& writer, std::span<const SackBlock> blocks) {
    const auto length = static_cast<unsigned>(2 + blocks.size() * 8);
    writer.put(word(tcp_option::nop, tcp_option::nop, tcp_option::sack, length));
    for (const SackBlock& block : blocks) {
        writer.put(block.left.value());
        writer.put(block.right.value());
    }
}

/// In seconds where they fit into 15 bits, else in minutes, rounded up.
std::uint32_t user_timeout_field(std::uint32_t timeout_s) {
    if (timeout_s <= user_timeout_limit) {
        return timeout_s;
    }
    const std::uint32_t minutes = timeout_s / 60 + (timeout_s % 60 != 0 ? 1U : 0U);
    return user_timeout_in_minutes | std::min(minutes, user_timeout_limit);
}

/// The options of the SYN that every Linux sends, in its order: MSS, SACK permitted, timestamps,
/// NOP, window scale. One comparison instead of six turns of the loop.
bool read_customary_syn(std::span<const std::byte> bytes, TcpOptions& out) {
    using namespace tcp_option;
    constexpr std::size_t length = 20;
    if (bytes.size() != length || read_16(bytes.data()) != (mss << 8 | 4) ||
        read_32(bytes.data() + 4) != word(tcp_option::sack_permitted, 2, timestamps, 10) ||
        read_32(bytes.data() + 16) >> 8 != word(0, nop, tcp_option::window_scale, 3)) {
        return false;
    }
    out.has_mss = out.sack_permitted = out.has_timestamps = out.has_window_scale = true;
    out.mss = read_16(bytes.data() + 2);
    out.ts_val = read_32(bytes.data() + 8);
    out.ts_ecr = read_32(bytes.data() + 12);
    out.window_scale = std::to_integer<std::uint8_t>(bytes[19]);
    return true;
}

} // namespace

namespace detail {

Drop parse_tcp_options_general(std::span<const std::byte> bytes, TcpOptions& out) {
    if (read_customary_syn(bytes, out)) {
        return Drop::none;
    }
    while (!bytes.empty()) {
        const auto kind = std::to_integer<std::uint8_t>(bytes[0]);
        if (kind == tcp_option::end) {
            return Drop::none;
        }
        if (kind == tcp_option::nop) {
            bytes = bytes.subspan(1);
            continue;
        }
        if (bytes.size() < 2) {
            return Drop::tcp_bad_options;
        }
        const auto length = std::to_integer<std::size_t>(bytes[1]);
        if (length < 2 || length > bytes.size() ||
            !read_option(kind, bytes.subspan(2, length - 2), out)) {
            return Drop::tcp_bad_options;
        }
        bytes = bytes.subspan(length);
    }
    return Drop::none;
}

std::size_t tcp_options_length_general(const TcpOptions& options) {
    return plan_options(options).length;
}

std::size_t write_tcp_options_general(std::byte* out, const TcpOptions& options) {
    const Plan plan = plan_options(options);
    WordWriter writer{out};
    if (options.has_mss) {
        writer.put(word(tcp_option::mss, 4, 0, 0) | options.mss);
    }
    write_timestamps_and_sack_permitted(writer, options);
    if (options.has_window_scale) {
        writer.put(word(tcp_option::nop, tcp_option::window_scale, 3, options.window_scale));
    }
    if (plan.sack_count > 0) {
        write_sack(writer, std::span{options.sack}.first(plan.sack_count));
    }
    if (plan.fast_open) {
        writer.put_padded(tcp_option::fast_open, options.fast_open_cookie);
    }
    if (plan.user_timeout) {
        writer.put(word(tcp_option::user_timeout, 4, 0, 0) |
                   user_timeout_field(options.user_timeout_s));
    }
    return plan.length;
}

} // namespace detail
} // namespace millrace::wire
