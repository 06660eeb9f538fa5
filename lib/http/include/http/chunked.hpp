#pragma once

#include "http/status.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::http {

/// Reads content in the chunked coding (RFC 9112 §7.1) piece by piece. What it hands out are parts
/// of what it was given; nothing is copied. Chunk extensions and trailers are checked and passed
/// over. It is 16 bytes of state, to live in a connection.
///
/// What could be read in two ways is refused: a bare CR or LF, white space at the end of a size
/// line, and a line end that is not exactly after the data.
class ChunkedDecoder {
  public:
    /// Bytes that all extensions, and all of the trailer section, may take in one message.
    static constexpr std::uint16_t extension_bytes_max = 4096;
    static constexpr std::uint16_t trailer_bytes_max = 4096;

    enum class Outcome : std::uint8_t {
        more,     ///< All of the input was taken, and more is to come.
        data,     ///< There is data; call again with the input that was not taken.
        finished, ///< The content is whole; the rest of the input is the next request's.
        invalid,  ///< Answer with the status and close.
    };

    struct [[nodiscard]] Step {
        Outcome outcome = Outcome::more;
        Status status = Status::ok;      ///< Has meaning when invalid.
        std::size_t taken = 0;           ///< Bytes of the input that are done with, data included.
        std::span<const std::byte> data; ///< A part of the input; empty unless the outcome is data.
    };

    /// Goes on with `input`, up to the end of the first run of data in it.
    Step next(std::span<const std::byte> input);

  private:
    enum class State : std::uint8_t {
        size_first_digit,
        size,
        before_extension,
        extension,
        size_line_feed,
        data,
        data_return,
        data_line_feed,
        trailer_line,
        trailer_name,
        trailer_value,
        trailer_line_feed,
        last_line_feed,
        finished,
    };

    [[nodiscard]] Status take(char c);
    [[nodiscard]] Status take_in_size(char c);
    [[nodiscard]] Status take_before_extension(char c);
    [[nodiscard]] Status take_in_extension(char c);
    [[nodiscard]] Status take_size_line_feed(char c);
    [[nodiscard]] Status take_in_trailer(char c);
    [[nodiscard]] Status expect(char c, char wanted, State next);

    std::uint64_t left_ = 0; ///< Of the size as far as it is read, then of the data.
    std::uint16_t extension_bytes_ = 0;
    std::uint16_t trailer_bytes_ = 0;
    State state_ = State::size_first_digit;
};

static_assert(sizeof(ChunkedDecoder) == 16);

} // namespace millrace::http
