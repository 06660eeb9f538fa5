#include "http/request_parser.hpp"
#include "http/static_handler.hpp"

#include "../instructions.hpp"
#include "documents.hpp"
#include "requests.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// From a request's bytes to the head of its answer. bench/instructions runs it.

using namespace millrace::bench;
using namespace millrace::http;
using namespace millrace::http::bench;

namespace {

Request request;

void parse(const char* name, std::string_view text) {
    count(name, [&](std::uint32_t) {
        keep(text.data());
        keep(parse_request(as_bytes(text), request).length);
    });
}

void answer(const char* name, const StaticHandler& handler, std::string_view text) {
    if (parse_request(as_bytes(text), request).outcome != ParseOutcome::complete) {
        std::fputs("the request is broken\n", stderr);
        std::exit(1);
    }
    const DateCache date{now_unix_seconds};
    std::array<std::byte, answer_bytes_min> out;
    count(name, [&](std::uint32_t) {
        keep(&request);
        keep(handler.answer(request, date, out).written);
    });
}

} // namespace

int main() {
    const ContentStore store = store_of({{"index.html", std::string(128, 'a')}});
    const ErrorPages errors;
    const StaticHandler handler{store, errors};
    begin_instrumentation();
    count("nothing", [](std::uint32_t i) { keep(i); });
    parse("parse a small GET", small_get);
    parse("parse wrk's GET", wrk_get);
    parse("parse curl's GET", curl_get);
    parse("parse a browser's GET", browser_get);
    answer("answer a small GET", handler, small_get);
    answer("answer what is not found", handler, browser_get);
}
