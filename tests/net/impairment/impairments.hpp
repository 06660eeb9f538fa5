#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>

#include <string>
#include <string_view>
#include <variant>

namespace millrace::impairment {

/// What one direction of a link does to frames. Probabilities are for each frame.
struct Impairments {
    double loss = 0;
    double duplication = 0;
    double reordering = 0; ///< The frame is overtaken by those of the next `reordering_delay`.
    double corruption = 0; ///< One bit behind the Ethernet header of an IP packet.
    double marking = 0;    ///< An IP packet that is ECN-capable is marked (CE, RFC 3168).
    Duration delay{};
    Duration jitter{}; ///< Added to the delay, evenly spread; order is kept.
    Duration reordering_delay = 3ms;
    std::uint64_t rate_bits_per_second = 0; ///< Of the bottleneck; 0: there is none.
    std::size_t queue_bytes = 0;            ///< What waits for the bottleneck before frames go.
};

/// Why a text is not a list of impairments.
struct SpecificationError {
    std::string problem;
};

/// Reads `loss=0.01,delay_ms=10,rate_mbit=50,queue_bytes=125000`; the other keys are
/// `duplication`, `reordering`, `corruption`, `marking`, `jitter_ms` and `reordering_delay_ms`.
[[nodiscard]] std::variant<Impairments, SpecificationError>
parse_impairments(std::string_view specification);

} // namespace millrace::impairment
