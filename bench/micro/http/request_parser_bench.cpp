#include "http/request_parser.hpp"

#include "requests.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>

// Ours beside Boost.Beast's. Beast also copies every field into a container, which is what a
// general server needs and this one does not.
//
// Ours are counted in instructions too, by bench/instructions. Beast's a call: valgrind
// --tool=callgrind --toggle-collect='*call_beast*', with --benchmark_filter for one request; the
// total divided by the calls of that function.

namespace millrace::http::bench {
namespace {

[[gnu::noinline]] ParseResult call_ours(std::string_view text, Request& request) {
    return parse_request(as_bytes(text), request);
}

[[gnu::noinline]] std::size_t call_beast(std::string_view text) {
    boost::beast::http::request_parser<boost::beast::http::empty_body> parser;
    boost::beast::error_code error;
    return parser.put(boost::asio::buffer(text.data(), text.size()), error);
}

void ours(benchmark::State& state, std::string_view text) {
    Request request;
    for (auto _ : state) {
        benchmark::DoNotOptimize(text);
        ParseResult result = call_ours(text, request);
        benchmark::DoNotOptimize(result);
        benchmark::DoNotOptimize(request);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void beast(benchmark::State& state, std::string_view text) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(text);
        std::size_t length = call_beast(text);
        benchmark::DoNotOptimize(length);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

BENCHMARK_CAPTURE(ours, small_get, small_get);
BENCHMARK_CAPTURE(beast, small_get, small_get);
BENCHMARK_CAPTURE(ours, wrk_get, wrk_get);
BENCHMARK_CAPTURE(beast, wrk_get, wrk_get);
BENCHMARK_CAPTURE(ours, curl_get, curl_get);
BENCHMARK_CAPTURE(beast, curl_get, curl_get);
BENCHMARK_CAPTURE(ours, browser_get, browser_get);
BENCHMARK_CAPTURE(beast, browser_get, browser_get);

} // namespace
} // namespace millrace::http::bench

BENCHMARK_MAIN();
