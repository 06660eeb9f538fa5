#include "http/content_store.hpp"
#include "http/request_parser.hpp"
#include "http/static_handler.hpp"
#include "http/target.hpp"

#include "documents.hpp"
#include "requests.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

// What it takes to answer: writing a head, looking a path up, and all of it from parsed request to
// written head.

namespace millrace::http::bench {
namespace {

constexpr std::int64_t now = now_unix_seconds;

/// A tree of 1,000 documents.
const ContentStore& store() {
    static const ContentStore loaded = [] {
        std::vector<File> files{{"index.html", "home"}};
        for (int i = 0; i < 1000; ++i) {
            const std::string number = std::to_string(i);
            files.push_back({std::to_string(i % 10) + "/" + number + ".html", number});
        }
        return store_of(files);
    }();
    return loaded;
}

[[gnu::noinline]] std::size_t call_write_head(const HeadTemplate& head, const DateCache& date,
                                              std::span<std::byte> out) {
    return write_head(head, date, ConnectionField::none, out);
}

void head_of_a_document(benchmark::State& state) {
    const HeadTemplate head = store().find("/").document->identity.ok;
    const DateCache date{now};
    std::array<std::byte, answer_bytes_min> out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(call_write_head(head, date, out));
        benchmark::DoNotOptimize(out);
    }
    state.counters["bytes"] = static_cast<double>(head.text.size());
}
BENCHMARK(head_of_a_document);

[[gnu::noinline]] ContentStore::Found call_find(const ContentStore& documents,
                                                std::string_view path) {
    return documents.find(path);
}

void lookup(benchmark::State& state, std::string_view path) {
    const ContentStore& documents = store();
    for (auto _ : state) {
        benchmark::DoNotOptimize(path);
        benchmark::DoNotOptimize(call_find(documents, path).document);
    }
}
BENCHMARK_CAPTURE(lookup, root, "/");
BENCHMARK_CAPTURE(lookup, file, "/7/777.html");
BENCHMARK_CAPTURE(lookup, missing, "/7/missing.html");

[[gnu::noinline]] Status call_normalise(std::string_view raw, std::span<char> room, Target& out) {
    return normalise_target(raw, room, out);
}

void target(benchmark::State& state, std::string_view raw) {
    std::array<char, 256> room;
    Target normalised;
    for (auto _ : state) {
        benchmark::DoNotOptimize(raw);
        benchmark::DoNotOptimize(call_normalise(raw, room, normalised));
        benchmark::DoNotOptimize(normalised);
    }
}
BENCHMARK_CAPTURE(target, root, "/");
BENCHMARK_CAPTURE(target, plain, "/images/logo.png?v=1");
BENCHMARK_CAPTURE(target, encoded, "/a%20b/../images/./logo.png");

[[gnu::noinline]] Answer call_answer(const StaticHandler& handler, const Request& request,
                                     const DateCache& date, std::span<std::byte> out) {
    return handler.answer(request, date, out);
}

void answer(benchmark::State& state, std::string_view text) {
    const ErrorPages errors;
    const StaticHandler handler{store(), errors};
    const DateCache date{now};
    Request request;
    if (parse_request(as_bytes(text), request).outcome != ParseOutcome::complete) {
        state.SkipWithError("the request is broken");
        return;
    }
    std::array<std::byte, answer_bytes_min> out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(request);
        benchmark::DoNotOptimize(call_answer(handler, request, date, out).written);
        benchmark::DoNotOptimize(out);
    }
}
BENCHMARK_CAPTURE(answer, small_get, small_get);
BENCHMARK_CAPTURE(answer, wrk_get, wrk_get);
BENCHMARK_CAPTURE(answer, not_found, browser_get);

void date_once_a_second(benchmark::State& state) {
    std::int64_t second = now;
    DateCache date{second};
    for (auto _ : state) {
        date.update(++second);
        benchmark::DoNotOptimize(date);
    }
}
BENCHMARK(date_once_a_second);

} // namespace
} // namespace millrace::http::bench

BENCHMARK_MAIN();
