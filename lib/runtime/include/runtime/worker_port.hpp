#pragma once

#include "flow/home.hpp"
#include "nic/packet_pool.hpp"
#include "nic/port.hpp"
#include "nic/result.hpp"
#include "runtime/address.hpp"
#include "runtime/secrets.hpp"
#include "runtime/worker_nic.hpp"
#include "stack/interface.hpp"
#include "stack/mailbox.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::runtime {

/// One port with all that the workers' pipelines on it stand on: packet memory, queues, the rings
/// between them, and who is home to which connection. The members are in the order in which they
/// depend on one another, so they end in the right one.
struct WorkerPort {
    std::vector<std::unique_ptr<nic::PacketPool>> pools; ///< One for each worker.
    std::unique_ptr<nic::Port> port;
    std::vector<std::unique_ptr<WorkerNic>> nics; ///< One for each worker, too.
    std::unique_ptr<stack::Mailboxes> mailboxes;
    std::unique_ptr<flow::Home> home;

    /// Takes packet memory for `workers` workers; `pool.name` is the beginning of its name.
    [[nodiscard]] nic::Status make_pools(const nic::PoolConfig& pool, std::uint32_t workers);

    /// Opens and starts the port, for as many workers as there are pools.
    [[nodiscard]] nic::Status open(const nic::PortConfig& config, const Secrets& secrets);

    /// Closes the port, when no pipeline is left on it; says how many packets were not given back.
    [[nodiscard]] std::uint32_t close();
};

/// Whether a device is a PCI address (which has colons before the first comma) and no device
/// string.
[[nodiscard]] bool is_pci(const std::string& device);

/// The port as IP sees it, with these addresses of ours. With IPv6 addresses it gets a link-local
/// one as well.
[[nodiscard]] stack::Interface interface_of(const nic::PortReport& report,
                                            const std::vector<IpPrefix>& addresses,
                                            const std::vector<IpAddr>& gateways);

/// Those of one family.
template <class Addr>
[[nodiscard]] std::vector<Addr> of_family(const std::vector<IpAddr>& addresses) {
    std::vector<Addr> result;
    for (const IpAddr& address : addresses) {
        if (const auto* const one = std::get_if<Addr>(&address)) {
            result.push_back(*one);
        }
    }
    return result;
}

} // namespace millrace::runtime
