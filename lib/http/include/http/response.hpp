#pragma once

#include "http/date.hpp"
#include "http/request.hpp"
#include "http/status.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace millrace::http {

/// What the Server field says.
inline constexpr std::string_view server_name = "millrace";

/// What is sent when a client waits with its content (RFC 9110 §10.1.1).
inline constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

/// What a response says about the connection it comes on.
enum class ConnectionField : std::uint8_t {
    none,       ///< Nothing, which in HTTP/1.1 means that it stays open.
    close,      ///< It is the last one.
    keep_alive, ///< It stays open, said to a client of HTTP/1.0.
};

/// What to say when the connection stays open (`keep`) or ends after this response.
[[nodiscard]] constexpr ConnectionField connection_field(Version version, bool keep) {
    if (!keep) {
        return ConnectionField::close;
    }
    return version == Version::http_1_0 ? ConnectionField::keep_alive : ConnectionField::none;
}

/// A response head that is the same each time but for its date and connection: all lines but the
/// Connection line and the blank one, with room for the date.
struct HeadTemplate {
    std::string_view text;       ///< Owned by whoever built it.
    std::size_t date_offset = 0; ///< Where the 29 bytes of the date go.
};

/// Bytes that a buffer for `write_head` must have beyond the text and the extra fields.
inline constexpr std::size_t head_tail_bytes = 32;

/// The end of a head, padded so that it can be copied without asking how long it is.
struct HeadTail {
    constexpr explicit HeadTail(std::string_view tail) : length{tail.size()} {
        for (std::size_t i = 0; i < tail.size(); ++i) {
            text[i] = tail[i];
        }
    }

    std::array<char, head_tail_bytes> text{};
    std::size_t length;
};

/// By `ConnectionField`.
inline constexpr std::array head_tails{HeadTail{"\r\n"}, HeadTail{"Connection: close\r\n\r\n"},
                                       HeadTail{"Connection: keep-alive\r\n\r\n"}};

/// Writes a head from its template to the front of `out`. Returns its length in bytes; 0 when `out`
/// is not as long as the text and `head_tail_bytes`.
[[nodiscard]] inline std::size_t write_head(const HeadTemplate& head, const DateCache& date,
                                            ConnectionField connection, std::span<std::byte> out) {
    const std::size_t text_bytes = head.text.size();
    if (out.size() < text_bytes + head_tail_bytes) [[unlikely]] {
        return 0;
    }
    std::byte* const at = out.data();
    std::memcpy(at, head.text.data(), text_bytes);
    std::memcpy(at + head.date_offset, date.text().data(), date_bytes);
    const HeadTail& tail = head_tails[static_cast<std::size_t>(connection)];
    std::memcpy(at + text_bytes, tail.text.data(), head_tail_bytes);
    return text_bytes + tail.length;
}

/// The same with `extra_fields` (whole lines with their line ends) added.
[[nodiscard]] std::size_t write_head(const HeadTemplate& head, const DateCache& date,
                                     ConnectionField connection, std::span<std::byte> out,
                                     std::string_view extra_fields);

/// Writes a head line by line into a buffer; nothing that does not fit is written, nor anything
/// after it.
class HeadWriter {
  public:
    explicit HeadWriter(std::span<std::byte> out) : out_{out} {}

    /// The status line, then Date and Server, which go in every response.
    void begin(Status status, const DateCache& date);
    void field(std::string_view name, std::string_view value);
    void field(std::string_view name, std::uint64_t value);
    /// `Content-Range: bytes first-last/length` (RFC 9110 §14.4).
    void content_range(std::uint64_t first, std::uint64_t last, std::uint64_t length);
    /// `Content-Range: bytes */length`, which goes with a 416.
    void unsatisfied_range(std::uint64_t length);
    /// Bytes as they are: whole lines, or content after the end of the head.
    void raw(std::string_view text);
    /// The Connection line if there is one, and the blank line.
    void end(ConnectionField connection);

    /// Where `begin` put the date.
    [[nodiscard]] std::size_t date_offset() const { return date_offset_; }
    /// Bytes written; 0 when something did not fit.
    [[nodiscard]] std::size_t length() const { return overflowed_ ? 0 : length_; }
    [[nodiscard]] std::string_view text() const {
        return {static_cast<const char*>(static_cast<const void*>(out_.data())), length()};
    }

  private:
    void number(std::uint64_t value);

    std::span<std::byte> out_;
    std::size_t length_ = 0;
    std::size_t date_offset_ = 0;
    bool overflowed_ = false;
};

} // namespace millrace::http
