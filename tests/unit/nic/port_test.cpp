#include "nic_environment.hpp"

namespace millrace::nic {
namespace {

using PortUnit = PortTest;

TEST_F(PortUnit, EveryDeviceHereIsReported) {
    for (const char* device : {"net_null0", "net_ring0"}) {
        Port& port = open(device);
        fmt::print("{}", port.report().to_string());
        const PortStats stats = port.stats();
        for (const auto& c : stats.by_name)
            fmt::print("  {} {}\n", c.name, c.value);
    }
}

} // namespace
} // namespace millrace::nic
