#include "internal.hpp"

#include <algorithm>

/// The window that we offer.
namespace millrace::tcp {

using wire::SeqNum;

SeqNum edge_possible(const Tcb& tcb, const Context& context) {
    constexpr std::uint32_t segments_under_pressure = 4; // As Linux's rcv_ssthresh then.
    std::uint32_t buffer = receive_buffer(tcb, context);
    if (context.buffers.under_pressure()) [[unlikely]] {
        buffer = std::min(buffer, segments_under_pressure * tcb.rcv_mss);
    }
    const std::uint32_t by_bytes = buffer - std::min(buffer, tcb.unread.length);
    const std::uint32_t room = std::min(by_bytes, receive_budget(tcb, context) / 2);
    return tcb.rcv.nxt + std::min(room, std::uint32_t{UINT16_MAX} << tcb.rcv_scale);
}

std::uint16_t advertise(Tcb& tcb, const Context& context) {
    const SeqNum possible = edge_possible(tcb, context);
    const std::int32_t step = std::min<std::int32_t>(
        static_cast<std::int32_t>(receive_buffer(tcb, context) / 2), tcb.rcv_mss);
    if (possible - tcb.rcv.edge >= step) {
        tcb.rcv.edge = possible;
    }
    const std::uint32_t unit = 1U << tcb.rcv_scale;
    const std::uint32_t field =
        std::min<std::uint32_t>((tcb.rcv_wnd() + unit - 1) >> tcb.rcv_scale, UINT16_MAX);
    // Rounding up says a little more than was meant; what was said is what binds.
    tcb.rcv.edge = later(tcb.rcv.edge, tcb.rcv.nxt + (field << tcb.rcv_scale));
    return static_cast<std::uint16_t>(field);
}

bool window_update_due(const Tcb& tcb, const Context& context) {
    if (!tcb.window_update || !may_receive(tcb.state)) {
        return false;
    }
    const auto half = static_cast<std::int32_t>(receive_buffer(tcb, context) / 2);
    const std::int32_t gain = edge_possible(tcb, context) - tcb.rcv.edge;
    return gain >= std::min(half, 2 * std::int32_t{tcb.rcv_mss}) &&
           static_cast<std::int32_t>(tcb.rcv_wnd()) < half;
}

std::uint8_t scale_for(std::uint32_t buffer_bytes) {
    std::uint8_t scale = 0;
    while (scale < 14 && buffer_bytes >> scale > UINT16_MAX) {
        ++scale;
    }
    return scale;
}

std::uint16_t unscaled_window(const Config& config) {
    return static_cast<std::uint16_t>(
        std::min<std::uint32_t>(config.receive_buffer_bytes, UINT16_MAX));
}

} // namespace millrace::tcp
