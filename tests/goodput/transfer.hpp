#pragma once

#include "link.hpp"

#include "tcp/congestion.hpp"

#include <cstdint>

namespace millrace::goodput {

/// One transfer in virtual time.
struct Transfer {
    LinkSettings link;
    tcp::CongestionAlgorithm congestion = tcp::CongestionAlgorithm::cubic;
    Duration length = 10s; ///< From the end of the handshake.
    std::uint64_t seed = 1;
};

/// Bytes that the receiver's service has got; the same in every run.
[[nodiscard]] std::uint64_t received_bytes(const Transfer& transfer);

} // namespace millrace::goodput
