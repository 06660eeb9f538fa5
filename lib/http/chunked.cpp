#include "http/chunked.hpp"

#include "scan.hpp"
#include "text.hpp"

#include <algorithm>

namespace millrace::http {
namespace {

/// What may be in a field value or a chunk extension (RFC 9110 §5.5).
constexpr bool is_text(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

} // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::span<const std::byte> input) {
    std::size_t taken = 0;
    while (state_ != State::finished) {
        if (taken == input.size()) {
            return {Outcome::more, Status::ok, taken, {}};
        }
        if (state_ == State::data) {
            const auto run =
                static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - taken));
            left_ -= run;
            if (left_ == 0) {
                state_ = State::data_return;
            }
            return {Outcome::data, Status::ok, taken + run, input.subspan(taken, run)};
        }
        const Status status = take(static_cast<char>(input[taken]));
        if (status != Status::ok) {
            return {Outcome::invalid, status, taken, {}};
        }
        ++taken;
    }
    return {Outcome::finished, Status::ok, taken, {}};
}

Status ChunkedDecoder::take(char c) {
    switch (state_) {
    case State::size_first_digit:
    case State::size:
        return take_in_size(c);
    case State::before_extension:
        return take_before_extension(c);
    case State::extension:
        return take_in_extension(c);
    case State::size_line_feed:
        return take_size_line_feed(c);
    case State::data_return:
        return expect(c, '\r', State::data_line_feed);
    case State::data_line_feed:
        return expect(c, '\n', State::size_first_digit);
    case State::trailer_line:
    case State::trailer_name:
    case State::trailer_value:
        return take_in_trailer(c);
    case State::trailer_line_feed:
        return expect(c, '\n', State::trailer_line);
    case State::last_line_feed:
        return expect(c, '\n', State::finished);
    case State::data:
    case State::finished:
        break;
    }
    return Status::bad_request;
}

Status ChunkedDecoder::expect(char c, char wanted, State next) {
    if (c != wanted) {
        return Status::bad_request;
    }
    state_ = next;
    return Status::ok;
}

Status ChunkedDecoder::take_in_size(char c) {
    if (const unsigned digit = hex_value(c); digit < 16) {
        // 60 bits are the most that can take one more digit; leading zeros count as extension, or
        // there could be any number of them.
        if (left_ >> 59 != 0) {
            return Status::content_too_large;
        }
        if (state_ == State::size && left_ == 0 && ++extension_bytes_ > extension_bytes_max) {
            return Status::bad_request;
        }
        left_ = left_ * 16 + digit;
        state_ = State::size;
        return Status::ok;
    }
    if (state_ == State::size_first_digit) {
        return Status::bad_request;
    }
    if (c == '\r') {
        state_ = State::size_line_feed;
        return Status::ok;
    }
    return take_before_extension(c);
}

/// White space may stand before an extension, but then there must be one.
Status ChunkedDecoder::take_before_extension(char c) {
    if (c == ';') {
        state_ = State::extension;
        return Status::ok;
    }
    if (!is_optional_space(c) || ++extension_bytes_ > extension_bytes_max) {
        return Status::bad_request;
    }
    state_ = State::before_extension;
    return Status::ok;
}

Status ChunkedDecoder::take_in_extension(char c) {
    if (c == '\r') {
        state_ = State::size_line_feed;
        return Status::ok;
    }
    if (!is_text(c) || ++extension_bytes_ > extension_bytes_max) {
        return Status::bad_request;
    }
    return Status::ok;
}

Status ChunkedDecoder::take_size_line_feed(char c) {
    return expect(c, '\n', left_ == 0 ? State::trailer_line : State::data);
}

Status ChunkedDecoder::take_in_trailer(char c) {
    if (state_ == State::trailer_line && c == '\r') {
        state_ = State::last_line_feed;
        return Status::ok;
    }
    if (++trailer_bytes_ > trailer_bytes_max) {
        return Status::request_header_fields_too_large;
    }
    if (state_ == State::trailer_value) {
        if (c == '\r') {
            state_ = State::trailer_line_feed;
            return Status::ok;
        }
        return is_text(c) ? Status::ok : Status::bad_request;
    }
    if (state_ == State::trailer_name && c == ':') {
        state_ = State::trailer_value;
        return Status::ok;
    }
    state_ = State::trailer_name;
    return scan::token_chars.contains(c) ? Status::ok : Status::bad_request;
}

} // namespace millrace::http
