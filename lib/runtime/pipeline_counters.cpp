#include "runtime/pipeline_counters.hpp"

#include "stack/control.hpp"
#include "stack/counters.hpp"
#include "tcp/counters.hpp"
#include "wire/drop.hpp"

#include <array>
#include <cstddef>

namespace millrace::runtime {

namespace {

std::vector<CounterInfo> drop_infos() {
    std::vector<CounterInfo> result;
    for (std::size_t i = 0; i < wire::drop_count; ++i) {
        const auto drop = static_cast<wire::Drop>(i);
        result.push_back({i == 0 ? "none" : std::string{wire::name(drop)},
                          i == 0 ? "not dropped" : std::string{wire::text(drop)},
                          CounterKind::counter, Combine::sum});
    }
    return result;
}

} // namespace

const PipelineInfos& pipeline_infos() {
    using enum CounterKind;
    static const PipelineInfos all{
        counter_infos(stack::gauge_names, stack::gauge_texts, gauge),
        counter_infos(stack::counter_names, stack::counter_texts, counter),
        counter_infos(tcp::counter_names, tcp::counter_texts, counter),
        counter_infos(stack::control_counter_names, stack::control_counter_texts, counter),
        drop_infos(),
    };
    return all;
}

void register_port(CounterRegistry& registry, const std::string& name,
                   const std::unique_ptr<nic::Port>& port) {
    const std::string group = "port " + name;
    const auto add = [&](const char* counter, const char* help,
                         std::uint64_t nic::PortStats::*value) {
        registry.add(group, {counter, help, CounterKind::counter, Combine::sum},
                     [&port, value]() -> std::uint64_t {
                         return port == nullptr ? 0 : port->stats().*value;
                     });
    };
    add("rx_packets", "packets the port has received", &nic::PortStats::rx_packets);
    add("tx_packets", "packets the port has sent", &nic::PortStats::tx_packets);
    add("rx_bytes", "bytes the port has received", &nic::PortStats::rx_bytes);
    add("tx_bytes", "bytes the port has sent", &nic::PortStats::tx_bytes);
    add("imissed", "packets the port dropped because its receive queue was full",
        &nic::PortStats::imissed);
    add("ierrors", "packets the port received damaged", &nic::PortStats::ierrors);
    add("oerrors", "packets the port failed to send", &nic::PortStats::oerrors);
    add("rx_nombuf", "times there was no packet memory to receive into",
        &nic::PortStats::rx_nombuf);
    add("tx_copied", "packets sent as a copy because the port cannot send such chains",
        &nic::PortStats::tx_copied);
    add("tx_refused", "packets not sent: too long, too many pieces, or no memory to copy into",
        &nic::PortStats::tx_refused);
    add("tx_rejected", "packets not sent because the driver cannot do what they ask for",
        &nic::PortStats::tx_rejected);
}

} // namespace millrace::runtime
