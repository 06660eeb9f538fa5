#pragma once

#include "nic/offloads.hpp"
#include "nic/packet_pool.hpp"
#include "nic/port_stats.hpp"
#include "nic/queue.hpp"
#include "nic/result.hpp"
#include "nic/rss.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::nic {

using MacBytes = std::array<std::uint8_t, 6>;

struct PortConfig {
    /// A PCI address ("0000:01:00.0") or a DPDK device string ("net_tap0,iface=tap0").
    std::string device;
    /// What the stack answers to; none: the port's, or one made of it.
    std::optional<MacBytes> mac;
    std::uint16_t mtu = 1'500;   ///< Bytes of an IP packet.
    std::uint16_t rx_queues = 0; ///< 0: one for each worker, or as many as the port has.
    std::uint16_t tx_queues = 0; ///< Likewise.
    std::uint16_t rx_descriptors = 1'024;
    std::uint16_t tx_descriptors = 1'024;
    OffloadSet wanted = OffloadSet::all();
    RssKey rss_key{};
};

/// What came of a configuration: what the stack and the operator have to know of a port.
struct PortReport {
    std::string device; ///< The name, without arguments.
    std::string driver;
    MacBytes mac{}; ///< What the stack must answer to.
    std::uint16_t mtu = 0;
    std::uint16_t workers = 0;
    std::uint16_t rx_queues = 0;
    std::uint16_t tx_queues = 0;
    std::uint16_t rx_descriptors = 0; ///< Of each queue.
    std::uint16_t tx_descriptors = 0;
    bool rss = false; ///< The port itself spreads what it receives.
    /// The interrupt that an idle worker could sleep on; known once the port has started.
    bool rx_interrupts = false;
    OffloadReport offloads;
    std::vector<std::string> notes; ///< What a person should know.

    /// The polling worker must compute the home of each packet and hand it over.
    [[nodiscard]] bool steer_in_software() const { return workers > 1 && !rss; }
    /// Some workers have no transmit queue; what they send goes by ring to `tx_owner()`.
    [[nodiscard]] bool hand_over_transmit() const { return tx_queues < workers; }
    /// The worker whose transmit queue sends for `worker` (itself where it has one).
    [[nodiscard]] std::uint16_t tx_owner(std::uint16_t worker) const {
        return static_cast<std::uint16_t>(worker % tx_queues);
    }

    /// Several lines, the table of offloads last; each ends in a line end.
    [[nodiscard]] std::string to_string() const;
};

/// A DPDK port: plugged, configured, started, stopped, closed. All calls come from one control
/// thread; the queues are the workers'.
class Port {
  public:
    /// Plugs the device in and configures it for as many workers as there are pools, which must
    /// outlive it. It does not receive before `start()`. Needs a running EAL.
    static Result<std::unique_ptr<Port>> open(const PortConfig& config,
                                              std::span<PacketPool* const> pools);
    /// Stops, closes and unplugs.
    ~Port();

    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] Status start();
    /// No worker may use its queue from here on. Does nothing to a stopped port.
    void stop();

    [[nodiscard]] Queue& queue(std::size_t worker) { return *queues_[worker]; }
    [[nodiscard]] const Queue& queue(std::size_t worker) const { return *queues_[worker]; }

    [[nodiscard]] const PortReport& report() const { return report_; }

    /// How the port spreads what it receives; empty before `start()` and where it does not.
    [[nodiscard]] const RssTable& rss_table() const { return rss_table_; }

    /// True when the other end is there: a cable, a vhost or memif peer.
    [[nodiscard]] bool link_up() const;

    /// Reads the port's counters; from the control thread, while packets flow.
    [[nodiscard]] PortStats stats() const;

    /// At most how many packets the driver never gives back, not even when the port is closed: what
    /// a leak check must allow for.
    [[nodiscard]] std::uint32_t packets_kept() const;

  private:
    class Opening;
    Port() = default;

    void start_rss(const RssKey& key);

    std::uint16_t port_id_ = RTE_MAX_ETHPORTS;
    rte_device* plugged_ = nullptr; ///< What `open()` plugged in, and so is ours to take out.
    bool started_ = false;
    bool promiscuous_ = false;
    PortConfig config_;
    PortReport report_;
    RssTable rss_table_;
    std::vector<std::unique_ptr<Queue>> queues_;
};

} // namespace millrace::nic
