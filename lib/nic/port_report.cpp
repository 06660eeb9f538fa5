#include "nic/port.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace millrace::nic {
namespace {

std::string_view steering_of(const PortReport& report) {
    if (report.workers == 1) {
        return "one worker";
    }
    return report.rss ? "by the port (RSS)" : "in software, by the worker that polls";
}

std::string transmit_of(const PortReport& report) {
    return report.hand_over_transmit() ? fmt::format("{} of {} workers, who send for the others",
                                                     report.tx_queues, report.workers)
                                       : "every worker by itself";
}

} // namespace

std::string PortReport::to_string() const {
    fmt::memory_buffer text;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "port {}: driver {}, MAC {:02x}, MTU {}\n", device, driver,
                   fmt::join(mac, ":"), mtu);
    fmt::format_to(
        out, "  queues: {} receive of {}, {} transmit of {} descriptors, for {} worker{}\n",
        rx_queues, rx_descriptors, tx_queues, tx_descriptors, workers, workers == 1 ? "" : "s");
    fmt::format_to(out, "  steering: {}; transmit: {}; receive interrupt: {}\n", steering_of(*this),
                   transmit_of(*this), rx_interrupts ? "yes" : "no");
    for (const std::string& line : notes) {
        fmt::format_to(out, "  note: {}\n", line);
    }
    return fmt::to_string(text) + offloads.to_string();
}

} // namespace millrace::nic
