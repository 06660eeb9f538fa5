#pragma once

#include "support/memory_nic.hpp"
#include "wire/seq_num.hpp"

#include <cstddef>
#include <optional>

namespace millrace::sim {

/// What the link sees of a frame that belongs to one of the simulated connections.
struct SegmentSeen {
    std::size_t connection = 0; ///< Counted from 0, by the client's port.
    wire::SeqNum seq;
    bool syn = false;
    bool ack = false;
};

/// Nothing when the frame is no TCP segment between the two hosts.
[[nodiscard]] std::optional<SegmentSeen> see_segment(const support::Frame& frame);

} // namespace millrace::sim
