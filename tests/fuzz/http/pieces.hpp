#pragma once

#include "http/parse_result.hpp"

#include "fuzz_check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

/// Heads, whole and in pieces, for parsers that keep no state.
namespace millrace::http {

/// A copy that ends where its allocation ends, so that the sanitizer sees every byte too many.
struct Exact {
    explicit Exact(std::span<const std::uint8_t> from)
        : bytes{std::make_unique<std::byte[]>(from.size())}, length{from.size()} {
        if (!from.empty()) {
            std::memcpy(bytes.get(), from.data(), from.size());
        }
    }
    [[nodiscard]] std::span<const std::byte> span() const { return {bytes.get(), length}; }

    std::unique_ptr<std::byte[]> bytes;
    std::size_t length;
};

/// Feeds growing prefixes to `parse`, each told what the one before has seen, up to the first
/// answer.
template <class Parse>
ParseResult feed_in_pieces(std::span<const std::uint8_t> head, std::size_t piece, Parse parse) {
    ParseResult result;
    std::size_t seen = 0;
    while (result.outcome == ParseOutcome::partial && seen < head.size()) {
        const std::size_t length = std::min(seen + piece, head.size());
        const Exact bytes{head.first(length)};
        result = parse(bytes.span(), static_cast<std::uint32_t>(seen));
        seen = length;
    }
    return result;
}

/// The pieces must come to the same as the `whole`.
template <class Parse>
void check_pieces(std::span<const std::uint8_t> head, std::size_t piece, const ParseResult& whole,
                  Parse parse) {
    const ParseResult pieces = feed_in_pieces(head, piece, parse);
    if (pieces.outcome == ParseOutcome::partial && whole.outcome == ParseOutcome::invalid) {
        // Refused later: at the head's end, which has not come. It comes.
        std::vector<std::uint8_t> ended{head.begin(), head.end()};
        for (const char c : {'\r', '\n', '\r', '\n'}) {
            ended.push_back(static_cast<std::uint8_t>(c));
        }
        FUZZ_CHECK(feed_in_pieces(ended, piece, parse) == whole);
        return;
    }
    FUZZ_CHECK(pieces == whole);
}

} // namespace millrace::http
