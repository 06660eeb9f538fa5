#pragma once

#include "nic/port.hpp"
#include "runtime/counters.hpp"
#include "wire/address.hpp"

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What is the same for every pipeline, whatever its services are: its counters' names, and what it
/// must have given back at its end.
namespace millrace::runtime {

/// What a .def file says of counters, in the order of their enumerators.
template <std::size_t count>
[[nodiscard]] std::vector<CounterInfo>
counter_infos(const std::array<std::string_view, count>& names,
              const std::array<std::string_view, count>& texts, CounterKind kind) {
    std::vector<CounterInfo> result;
    for (std::size_t i = 0; i < count; ++i) {
        result.push_back({std::string{names[i]}, std::string{texts[i]}, kind, Combine::sum});
    }
    return result;
}

/// Names and texts of a pipeline's blocks, in the order of their enumerators.
struct PipelineInfos {
    std::vector<CounterInfo> gauges;
    std::vector<CounterInfo> stack;
    std::vector<CounterInfo> tcp;
    std::vector<CounterInfo> control;
    std::vector<CounterInfo> drops;
};
[[nodiscard]] const PipelineInfos& pipeline_infos();

/// Registers all that a `stack::Worker` counts, in groups whose names end in `of`.
template <class Pipeline>
void register_pipeline(CounterRegistry& registry, const std::string& of, const Pipeline& pipeline) {
    const PipelineInfos& infos = pipeline_infos();
    registry.add_block("use" + of, infos.gauges, pipeline.gauges());
    registry.add_block("stack" + of, infos.stack, pipeline.core().counters);
    registry.add_block("tcp" + of, infos.tcp, pipeline.core().tcp_counters);
    registry.add_block("control" + of, infos.control, pipeline.control().counters());
    registry.add_block("drop" + of, infos.drops, pipeline.core().drops);
}

/// Registers what the port itself counts. `port` outlives the registry; what it points to need not.
void register_port(CounterRegistry& registry, const std::string& name,
                   const std::unique_ptr<nic::Port>& port);

/// What a pipeline has not given back when everything has ended, a sentence each.
template <class Pipeline>
[[nodiscard]] std::vector<std::string> leaks_of(const Pipeline& pipeline, const std::string& port) {
    std::vector<std::string> found;
    const auto& core = pipeline.core();
    const auto check = [&](std::string_view what, std::uint32_t in_use) {
        if (in_use != 0) {
            found.push_back(fmt::format("port {}, worker {}: {} {} were not given back", port,
                                        core.settings.worker, in_use, what));
        }
    };
    check("connections", pipeline.template host<wire::Ipv4Addr>().connections() +
                             pipeline.template host<wire::Ipv6Addr>().connections());
    check("half-open entries", pipeline.template host<wire::Ipv4Addr>().half_open() +
                                   pipeline.template host<wire::Ipv6Addr>().half_open());
    check("queued slices", core.buffers.nodes().in_use());
    check("chunks", core.buffers.chunks().in_use());
    check("reassemblies", core.reassemblies.in_use());
    check("flights", core.flights.flights().in_use());
    check("sent records", core.flights.records().in_use());
    return found;
}

} // namespace millrace::runtime
