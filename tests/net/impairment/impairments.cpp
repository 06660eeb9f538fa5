#include "impairments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace millrace::impairment {

namespace {

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() ||
        !(value >= 0 && value <= 1e12)) {
        return std::nullopt;
    }
    return value;
}

Duration milliseconds(double value) {
    return Duration{std::llround(value * 1e6)};
}

/// The probability that `key` names, or null.
double* probability(Impairments& out, std::string_view key) {
    return key == "loss"          ? &out.loss
           : key == "duplication" ? &out.duplication
           : key == "reordering"  ? &out.reordering
           : key == "corruption"  ? &out.corruption
           : key == "marking"     ? &out.marking
                                  : nullptr;
}

/// The span of time that `key` names, or null.
Duration* duration(Impairments& out, std::string_view key) {
    return key == "delay_ms"              ? &out.delay
           : key == "jitter_ms"           ? &out.jitter
           : key == "reordering_delay_ms" ? &out.reordering_delay
                                          : nullptr;
}

bool set(Impairments& out, std::string_view key, double value) {
    if (double* const chance = probability(out, key)) {
        *chance = value;
        return value <= 1;
    }
    if (Duration* const time = duration(out, key)) {
        *time = milliseconds(value);
        return *time <= 1h;
    }
    if (key == "rate_mbit") {
        out.rate_bits_per_second = static_cast<std::uint64_t>(value * 1e6);
        return true;
    }
    if (key == "queue_bytes") {
        out.queue_bytes = static_cast<std::size_t>(value);
        return true;
    }
    return false;
}

} // namespace

std::variant<Impairments, SpecificationError> parse_impairments(std::string_view specification) {
    Impairments result;
    while (!specification.empty()) {
        const std::string_view word = specification.substr(0, specification.find(','));
        specification.remove_prefix(std::min(word.size() + 1, specification.size()));
        const std::size_t equals = word.find('=');
        const auto value = equals == word.npos ? std::nullopt : number(word.substr(equals + 1));
        if (!value || !set(result, word.substr(0, equals), *value)) {
            return SpecificationError{fmt::format("'{}' is no impairment", word)};
        }
    }
    if ((result.rate_bits_per_second == 0) != (result.queue_bytes == 0)) {
        return SpecificationError{"rate_mbit and queue_bytes go together"};
    }
    return result;
}

} // namespace millrace::impairment
