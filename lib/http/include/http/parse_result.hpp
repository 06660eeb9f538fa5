#pragma once

#include "http/status.hpp"

#include <cstdint>

namespace millrace::http {

enum class ParseOutcome : std::uint8_t {
    complete, ///< The head is whole and sound.
    partial,  ///< Nothing wrong so far; more bytes are needed.
    invalid,  ///< Close, a server with its answer first: where the next head begins is unknown.
};

/// What became of one attempt to parse the head of a request or of a response.
struct [[nodiscard]] ParseResult {
    ParseOutcome outcome = ParseOutcome::partial;
    Status status = Status::ok; ///< When invalid, why: as a server tells its client.
    std::uint32_t length = 0;   ///< Bytes of the head, when complete; content begins there.

    friend bool operator==(const ParseResult&, const ParseResult&) = default;
};

} // namespace millrace::http
