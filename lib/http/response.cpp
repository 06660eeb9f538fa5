#include "http/response.hpp"

#include <array>
#include <charconv>
#include <cstring>

namespace millrace::http {
namespace {

struct Tail {
    std::array<char, head_tail_bytes> text{};
    std::size_t length = 0;
};

constexpr Tail tail_of(std::string_view text) {
    Tail tail;
    for (const char c : text) {
        tail.text[tail.length++] = c;
    }
    return tail;
}

/// The ends of a head, each padded so that it can be copied without asking how long it is.
constexpr std::array<Tail, 3> tails{tail_of("\r\n"), tail_of("Connection: close\r\n\r\n"),
                                    tail_of("Connection: keep-alive\r\n\r\n")};

constexpr const Tail& tail_for(ConnectionField connection) {
    return tails[static_cast<std::size_t>(connection)];
}

} // namespace

std::size_t write_head(const HeadTemplate& head, const DateCache& date, ConnectionField connection,
                       std::span<std::byte> out, std::string_view extra_fields) {
    const std::size_t text_bytes = head.text.size() + extra_fields.size();
    if (out.size() < text_bytes + head_tail_bytes) [[unlikely]] {
        return 0;
    }
    std::memcpy(out.data(), head.text.data(), head.text.size());
    std::memcpy(out.data() + head.date_offset, date.text().data(), date_bytes);
    if (!extra_fields.empty()) [[unlikely]] {
        std::memcpy(out.data() + head.text.size(), extra_fields.data(), extra_fields.size());
    }
    const Tail& tail = tail_for(connection);
    std::memcpy(out.data() + text_bytes, tail.text.data(), head_tail_bytes);
    return text_bytes + tail.length;
}

void HeadWriter::raw(std::string_view text) {
    overflowed_ = overflowed_ || text.size() > out_.size() - length_;
    if (!overflowed_ && !text.empty()) {
        std::memcpy(out_.data() + length_, text.data(), text.size());
        length_ += text.size();
    }
}

void HeadWriter::number(std::uint64_t value) {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void HeadWriter::begin(Status status, const DateCache& date) {
    raw("HTTP/1.1 ");
    number(static_cast<std::uint64_t>(status));
    raw(" ");
    raw(reason_phrase(status));
    raw("\r\nDate: ");
    date_offset_ = length_;
    raw({date.text().data(), date_bytes});
    raw("\r\nServer: ");
    raw(server_name);
    raw("\r\n");
}

void HeadWriter::field(std::string_view name, std::string_view value) {
    raw(name);
    raw(": ");
    raw(value);
    raw("\r\n");
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
    raw(name);
    raw(": ");
    number(value);
    raw("\r\n");
}

void HeadWriter::content_range(std::uint64_t first, std::uint64_t last, std::uint64_t length) {
    raw("Content-Range: bytes ");
    number(first);
    raw("-");
    number(last);
    raw("/");
    number(length);
    raw("\r\n");
}

void HeadWriter::unsatisfied_range(std::uint64_t length) {
    raw("Content-Range: bytes */");
    number(length);
    raw("\r\n");
}

void HeadWriter::end(ConnectionField connection) {
    const Tail& tail = tail_for(connection);
    raw({tail.text.data(), tail.length});
}

} // namespace millrace::http
