#include "http/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace millrace::http {

std::size_t write_head(const HeadTemplate& head, const DateCache& date, ConnectionField connection,
                       std::span<std::byte> out, std::string_view extra_fields) {
    const std::size_t text_bytes = head.text.size();
    if (out.size() < text_bytes + extra_fields.size() + head_tail_bytes) {
        return 0;
    }
    const std::size_t without_extra = write_head(head, date, connection, out);
    std::memmove(out.data() + text_bytes + extra_fields.size(), out.data() + text_bytes,
                 without_extra - text_bytes);
    std::ranges::copy(std::as_bytes(std::span{extra_fields}), out.data() + text_bytes);
    return without_extra + extra_fields.size();
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
    const HeadTail& tail = head_tails[static_cast<std::size_t>(connection)];
    raw({tail.text.data(), tail.length});
}

} // namespace millrace::http
