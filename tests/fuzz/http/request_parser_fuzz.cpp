#include "http/request_parser.hpp"

#include "fuzz_check.hpp"
#include "pieces.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

// The first bytes choose limits and pieces, the rest is a head. Whatever it is: no read outside, no
// view outside, and the same answer however it is cut and whichever way through the parser it goes.

namespace {

using namespace millrace::http;

void check_views(const Request& request, std::span<const std::byte> head) {
    const void* const begin = head.data();
    const void* const end = head.data() + head.size();
    for (const std::string_view view :
         {request.target, request.path, request.host, request.accept_encoding, request.range,
          request.if_range, request.if_match, request.if_none_match, request.if_modified_since,
          request.if_unmodified_since}) {
        if (view.data() != nullptr) {
            FUZZ_CHECK(view.data() >= begin && view.data() + view.size() <= end);
        }
    }
}

/// The same head behind an empty line, which nobody's usual request has.
void check_careful_way(std::span<const std::uint8_t> head, RequestLimits limits,
                       const ParseResult& whole) {
    std::vector<std::uint8_t> behind{'\r', '\n'};
    behind.insert(behind.end(), head.begin(), head.end());
    limits.head_bytes += 2;
    const Exact bytes{behind};
    Request request;
    ParseResult careful = parse_request(bytes.span(), request, limits);
    if (careful.outcome == ParseOutcome::complete) {
        careful.length -= 2;
    }
    FUZZ_CHECK(careful == whole);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) {
        return 0;
    }
    const RequestLimits limits{.head_bytes = 20U + data[0] * 8U,
                               .target_bytes = 1U + data[1],
                               .fields = 1U + data[2] % 16U};
    const std::size_t piece = 1U + data[3] % 64U;
    const std::span<const std::uint8_t> head{data + 4, size - 4};
    const Exact bytes{head};
    Request request;
    const ParseResult whole = parse_request(bytes.span(), request, limits);
    if (whole.outcome == ParseOutcome::complete) {
        FUZZ_CHECK(whole.length <= head.size() && whole.length <= limits.head_bytes);
        check_views(request, bytes.span().first(whole.length));
    }
    check_pieces(head, piece, whole, [&](std::span<const std::byte> prefix, std::uint32_t seen) {
        Request again;
        return parse_request(prefix, again, limits, seen);
    });
    check_careful_way(head, limits, whole);
    return 0;
}
