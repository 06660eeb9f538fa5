#include "http/response_parser.hpp"

#include "fuzz_check.hpp"
#include "pieces.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

// The first bytes choose limits, pieces and the method, the rest is a head. Whatever it is: no read
// outside, the same answer however it is cut and whichever way through the parser it goes, and no
// other reading than that of Boost.Beast's parser where both accept it. response_parser_corpus has
// an input for each way in which content ends, which chance is slow to find.

namespace {

using namespace millrace::http;

/// The same head with a field in front that sends what follows the careful way.
void check_careful_way(std::span<const std::uint8_t> head, Method asked_with, ResponseLimits limits,
                       const ParseResult& whole, const ResponseHead& usual) {
    constexpr std::string_view unusual_field = "\r\n~:\t";
    constexpr std::string_view line_end = "\r\n";
    const auto line = std::search(head.begin(), head.end(), line_end.begin(), line_end.end());
    if (line == head.end() || line - head.begin() + 2 > std::ptrdiff_t{limits.head_bytes}) {
        return;
    }
    std::vector<std::uint8_t> with_field{head.begin(), line};
    with_field.insert(with_field.end(), unusual_field.begin(), unusual_field.end());
    with_field.insert(with_field.end(), line, head.end());
    limits.head_bytes += unusual_field.size();
    limits.fields += 1;
    const Exact bytes{with_field};
    ResponseHead response;
    ParseResult careful = parse_response(bytes.span(), asked_with, response, limits);
    if (careful.outcome == ParseOutcome::complete) {
        careful.length -= unusual_field.size();
        FUZZ_CHECK(response.status_code == usual.status_code);
        FUZZ_CHECK(response.version == usual.version);
        FUZZ_CHECK(response.body == usual.body && response.keep_alive == usual.keep_alive);
        FUZZ_CHECK(response.content_length == usual.content_length);
    }
    FUZZ_CHECK(careful == whole);
}

/// Beast may refuse what we accept, and accept what we refuse; it may not read another message.
void check_referee(std::span<const std::byte> head, Method asked_with, const ParseResult& ours,
                   const ResponseHead& response) {
    namespace beast = boost::beast;
    beast::http::response_parser<beast::http::empty_body> parser;
    parser.header_limit(std::numeric_limits<std::uint32_t>::max());
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    parser.skip(asked_with == Method::head);
    beast::error_code error;
    const std::size_t length = parser.put(boost::asio::buffer(head.data(), head.size()), error);
    if (error || !parser.is_header_done()) {
        return;
    }
    FUZZ_CHECK(ours.outcome != ParseOutcome::partial);
    if (ours.outcome != ParseOutcome::complete) {
        return;
    }
    FUZZ_CHECK(length == ours.length);
    FUZZ_CHECK(parser.get().result_int() == response.status_code);
    FUZZ_CHECK((parser.get().version() == 10) == (response.version == Version::http_1_0));
    FUZZ_CHECK(parser.is_done() == (response.body == ResponseBody::none));
    FUZZ_CHECK(parser.need_eof() == (response.body == ResponseBody::until_close));
    if (!parser.is_done()) {
        FUZZ_CHECK(parser.chunked() == (response.body == ResponseBody::chunked));
    }
    if (response.body == ResponseBody::content_length) {
        FUZZ_CHECK(parser.content_length() == response.content_length);
    }
    // Beast takes Proxy-Connection for Connection.
    if (response.keep_alive && parser.get().count(beast::http::field::proxy_connection) == 0) {
        FUZZ_CHECK(parser.keep_alive());
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) {
        return 0;
    }
    const ResponseLimits limits{.head_bytes = 20U + data[0] * 8U, .fields = data[1] % 16U};
    const std::size_t piece = 1U + data[2] % 64U;
    const Method asked_with = data[3] % 4 == 0 ? Method::head : Method::get;
    const std::span<const std::uint8_t> head{data + 4, size - 4};
    const Exact bytes{head};
    ResponseHead response;
    const ParseResult whole = parse_response(bytes.span(), asked_with, response, limits);
    if (whole.outcome == ParseOutcome::complete) {
        FUZZ_CHECK(whole.length <= head.size() && whole.length <= limits.head_bytes);
    }
    check_pieces(head, piece, whole, [&](std::span<const std::byte> prefix, std::uint32_t seen) {
        ResponseHead again;
        return parse_response(prefix, asked_with, again, limits, seen);
    });
    check_careful_way(head, asked_with, limits, whole, response);
    check_referee(bytes.span().first(std::min<std::size_t>(head.size(), limits.head_bytes)),
                  asked_with, whole, response);
    return 0;
}
