#include "http/response_parser.hpp"

#include "requests.hpp"
#include "responses.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>

// Ours beside Boost.Beast's. Beast also copies every field into a container, which is what a
// general client needs and a checker does not. Instructions as in request_parser_bench.cpp.

namespace millrace::http::bench {
namespace {

[[gnu::noinline]] ParseResult call_ours(std::string_view text, ResponseHead& head) {
    return parse_response(as_bytes(text), Method::get, head);
}

[[gnu::noinline]] std::size_t call_beast(std::string_view text) {
    boost::beast::http::response_parser<boost::beast::http::empty_body> parser;
    boost::beast::error_code error;
    return parser.put(boost::asio::buffer(text.data(), text.size()), error);
}

void ours(benchmark::State& state, std::string_view text) {
    ResponseHead head;
    for (auto _ : state) {
        benchmark::DoNotOptimize(text);
        ParseResult result = call_ours(text, head);
        benchmark::DoNotOptimize(result);
        benchmark::DoNotOptimize(head);
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

BENCHMARK_CAPTURE(ours, small_page, small_page);
BENCHMARK_CAPTURE(beast, small_page, small_page);
BENCHMARK_CAPTURE(ours, nginx_page, nginx_page);
BENCHMARK_CAPTURE(beast, nginx_page, nginx_page);
BENCHMARK_CAPTURE(ours, nginx_not_modified, nginx_not_modified);
BENCHMARK_CAPTURE(beast, nginx_not_modified, nginx_not_modified);
BENCHMARK_CAPTURE(ours, application, application);
BENCHMARK_CAPTURE(beast, application, application);

} // namespace
} // namespace millrace::http::bench

BENCHMARK_MAIN();
