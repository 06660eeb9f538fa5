#include "http/chunked.hpp"

#include "fuzz_check.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// The first byte chooses the size of pieces, the rest is content in the chunked coding: the same
// data, length and outcome however it is cut, and no more data than input.

namespace {

using millrace::http::ChunkedDecoder;
using Outcome = ChunkedDecoder::Outcome;

struct Decoded {
    Outcome outcome = Outcome::more;
    millrace::http::Status status{};
    std::size_t taken = 0;
    std::vector<std::byte> data;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

/// Takes one piece; true while more is wanted.
bool feed(ChunkedDecoder& decoder, std::span<const std::byte> input, Decoded& decoded) {
    for (;;) {
        const ChunkedDecoder::Step step = decoder.next(input);
        FUZZ_CHECK(step.taken <= input.size() && step.data.size() <= step.taken);
        FUZZ_CHECK((step.outcome == Outcome::data) == !step.data.empty());
        decoded.data.insert(decoded.data.end(), step.data.begin(), step.data.end());
        decoded.outcome = step.outcome;
        decoded.status = step.status;
        decoded.taken += step.taken;
        input = input.subspan(step.taken);
        if (step.outcome != Outcome::data) {
            return step.outcome == Outcome::more;
        }
    }
}

Decoded decode(std::span<const std::byte> text, std::size_t piece) {
    ChunkedDecoder decoder;
    Decoded decoded;
    while (!text.empty()) {
        const std::size_t length = std::min(piece, text.size());
        const std::vector<std::byte> exact{text.begin(), text.begin() + static_cast<long>(length)};
        if (!feed(decoder, exact, decoded)) {
            break;
        }
        text = text.subspan(length);
    }
    return decoded;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) {
        return 0;
    }
    const auto text = std::as_bytes(std::span{data + 1, size - 1});
    const Decoded whole = decode(text, SIZE_MAX);
    FUZZ_CHECK(decode(text, 1) == whole);
    FUZZ_CHECK(decode(text, 1U + data[0]) == whole);
    return 0;
}
