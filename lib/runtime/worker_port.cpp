#include "runtime/worker_port.hpp"

#include <fmt/core.h>

#include <utility>

namespace millrace::runtime {

namespace {

constexpr std::uint32_t mailbox_messages = 1024;

std::unique_ptr<flow::Home> home_of(const nic::Port& port, const Secrets& secrets,
                                    std::uint16_t workers) {
    const nic::RssTable& table = port.rss_table();
    if (port.report().rss && !table.empty() && table.ipv4_tcp && table.ipv6_tcp) {
        return std::make_unique<flow::Home>(table.key, table.queues);
    }
    return std::make_unique<flow::Home>(flow::HashKey{secrets.hash_key}, workers);
}

} // namespace

nic::Status WorkerPort::make_pools(const nic::PoolConfig& pool, std::uint32_t workers) {
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
        nic::PoolConfig own = pool;
        own.name = fmt::format("{}{}", pool.name, worker);
        auto made = nic::PacketPool::create(own);
        if (!made) {
            return made.error();
        }
        pools.push_back(std::move(made.value()));
    }
    return nic::success();
}

nic::Status WorkerPort::open(const nic::PortConfig& config, const Secrets& secrets) {
    const auto workers = static_cast<std::uint16_t>(pools.size());
    std::vector<nic::PacketPool*> of_workers;
    for (const auto& pool : pools) {
        of_workers.push_back(pool.get());
    }
    nic::PortConfig with_key = config;
    with_key.rss_key = secrets.rss;
    auto opened = nic::Port::open(with_key, of_workers);
    if (!opened) {
        return opened.error();
    }
    port = std::move(opened.value());
    if (auto started = port->start(); !started) {
        return started;
    }
    mailboxes = std::make_unique<stack::Mailboxes>(workers, mailbox_messages);
    home = home_of(*port, secrets, workers);
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
        nics.push_back(std::make_unique<WorkerNic>(port->queue(worker)));
    }
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
        if (const std::uint16_t owner = port->report().tx_owner(worker); owner != worker) {
            nics[worker]->send_through(*nics[owner]);
        }
    }
    return nic::success();
}

std::uint32_t WorkerPort::close() {
    for (const auto& nic : nics) {
        nic->clear();
    }
    const std::uint32_t kept = port->packets_kept();
    port->stop();
    port.reset();
    std::uint32_t missing = 0;
    for (const auto& pool : pools) {
        missing += pool->in_use();
    }
    return missing > kept ? missing - kept : 0;
}

bool is_pci(const std::string& device) {
    return device.substr(0, device.find(',')).find(':') != std::string::npos;
}

stack::Interface interface_of(const nic::PortReport& report, const std::vector<IpPrefix>& addresses,
                              const std::vector<IpAddr>& gateways) {
    stack::Interface interface;
    interface.mac = {report.mac};
    interface.mtu = report.mtu;
    for (const IpPrefix& prefix : addresses) {
        if (const auto* const ipv4 = std::get_if<wire::Prefix<wire::Ipv4Addr>>(&prefix)) {
            interface.ipv4.push_back(*ipv4);
        } else {
            interface.ipv6.push_back(std::get<wire::Prefix<wire::Ipv6Addr>>(prefix));
        }
    }
    if (!interface.ipv6.empty()) {
        interface.add_link_local();
    }
    const auto gateways4 = of_family<wire::Ipv4Addr>(gateways);
    const auto gateways6 = of_family<wire::Ipv6Addr>(gateways);
    if (!gateways4.empty()) {
        interface.gateway4 = gateways4.front();
    }
    if (!gateways6.empty()) {
        interface.gateway6 = gateways6.front();
    }
    return interface;
}

} // namespace millrace::runtime
