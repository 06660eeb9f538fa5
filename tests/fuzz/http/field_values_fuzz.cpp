#include "http/conditional.hpp"
#include "http/date.hpp"
#include "http/range.hpp"

#include "fuzz_check.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

// Values of the fields that are read after the head: ranges stay inside the representation, and a
// date that is read is the date that is written.

namespace {

using namespace millrace::http;

constexpr std::int64_t now = 1'700'000'000;

void check_range(const std::string& value, std::uint64_t size_bytes) {
    const RangeRequest range = parse_range(value, size_bytes);
    if (range.kind == RangeRequest::Kind::part) {
        FUZZ_CHECK(range.length > 0 && range.first < size_bytes);
        FUZZ_CHECK(range.length <= size_bytes - range.first);
    }
}

void check_date(const std::string& value) {
    const auto seconds = parse_date(value, now);
    if (seconds && *seconds >= 0) {
        std::array<char, date_bytes> text;
        format_date(*seconds, text);
        FUZZ_CHECK(parse_date({text.data(), text.size()}, now) == seconds);
    }
}

void check_conditions(const std::string& value) {
    const Validators validators{"\"tag\"", now};
    Request request;
    request.if_match = value;
    const bool strong = evaluate_preconditions(request, validators, now) == Precondition::proceed;
    request = {};
    request.if_none_match = value;
    const bool weak =
        evaluate_preconditions(request, validators, now) == Precondition::not_modified;
    FUZZ_CHECK(weak || !strong); // What matches strongly matches weakly.
    request.if_range = value;
    (void)range_applies(request, validators, now);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) {
        return 0;
    }
    const std::string value{data + 1, data + size};
    check_range(value, data[0]);
    check_range("bytes=" + value, data[0]);
    check_date(value);
    check_conditions(value);
    return 0;
}
