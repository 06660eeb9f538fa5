#include "nic/port.hpp"

#include "base/assert.hpp"
#include "device.hpp"
#include "driver_traits.hpp"
#include "kernel_interface.hpp"
#include "nic/log_capture.hpp"
#include "rss_setup.hpp"

#include <fmt/format.h>

#include <rte_ethdev.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace millrace::nic {
namespace {

/// Ethernet header, one VLAN tag: what a frame has beside its IP packet.
constexpr std::uint32_t frame_overhead_bytes = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;

/// More segments in one frame than anyone needs; a bound for drivers that name none.
constexpr std::uint16_t segments_enough = 32;

/// Of a transmit ring, the share that one frame may take.
constexpr std::uint16_t ring_share = 4;

constexpr std::uint64_t every_tx_request =
    RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;

std::uint16_t queues_to_use(std::uint16_t asked, std::size_t workers, std::uint16_t offered) {
    const auto wanted = asked == 0 ? workers : std::min<std::size_t>(asked, workers);
    return static_cast<std::uint16_t>(std::min<std::size_t>(wanted, offered));
}

/// An address for the stack where the kernel's end already has the port's: locally administered,
/// and the same at every start.
MacBytes neighbour_of(MacBytes mac) {
    mac[0] = static_cast<std::uint8_t>((mac[0] | 0x02U) & ~0x01U);
    mac[5] ^= 0x01U;
    return mac;
}

std::uint16_t segment_limit(std::uint16_t said, std::uint16_t ring) {
    const std::uint16_t of_driver = said == 0 ? segments_enough : said;
    return std::max<std::uint16_t>(
        1, std::min({of_driver, segments_enough, static_cast<std::uint16_t>(ring / ring_share)}));
}

} // namespace

/// The steps of `Port::open()`, which share what they find out.
class Port::Opening {
  public:
    Opening(Port& port, std::span<PacketPool* const> pools) : port_{port}, pools_{pools} {}

    Status run() {
        for (const auto step :
             {&Opening::plug_in, &Opening::take, &Opening::decide_queues, &Opening::decide_offloads,
              &Opening::decide_rss, &Opening::check_frame, &Opening::configure,
              &Opening::set_up_queues, &Opening::settle_address, &Opening::look_at_interface}) {
            if (Status done = (this->*step)(); !done) {
                return done;
            }
        }
        make_queues();
        return success();
    }

  private:
    Status plug_in() {
        Result<Device> device = plug(config().device);
        if (!device) {
            return device.error();
        }
        port_.port_id_ = device.value().port;
        port_.plugged_ = device.value().plugged;
        report().device = device.value().name;
        report().workers = static_cast<std::uint16_t>(pools_.size());
        return success();
    }

    /// Marks the port as ours and asks what it is.
    Status take() {
        rte_eth_dev_owner owner{};
        rte_eth_dev_owner_new(&owner.id);
        std::strcpy(static_cast<char*>(owner.name), "millrace");
        rte_eth_dev_owner_set(port_.port_id_, &owner);
        if (const int error = rte_eth_dev_info_get(port_.port_id_, &info_); error != 0) {
            return failed("asking what it can do", error);
        }
        report().driver = info_.driver_name;
        traits_ = &traits_of_driver(info_.driver_name);
        return success();
    }

    Status decide_queues() {
        std::uint16_t rx = queues_to_use(config().rx_queues, pools_.size(), info_.max_rx_queues);
        std::uint16_t tx = queues_to_use(config().tx_queues, pools_.size(), info_.max_tx_queues);
        if (traits_->queues_in_pairs) {
            rx = tx = std::min(rx, tx);
        }
        if (rx == 0 || tx == 0) {
            return Error{fmt::format("'{}' has no {} queue", report().device,
                                     rx == 0 ? "receive" : "transmit")};
        }
        report().rx_queues = rx;
        report().tx_queues = tx;
        return success();
    }

    Status decide_offloads() {
        const OffloadSet offered = offloads_from_bits(info_.rx_offload_capa, info_.tx_offload_capa);
        for (std::size_t i = 0; i < offload_count; ++i) {
            const auto offload = static_cast<Offload>(i);
            OffloadOutcome& outcome = report().offloads[offload];
            outcome = {.wanted = config().wanted.has(offload),
                       .offered = offered.has(offload),
                       .why_not = why_not(offload)};
            outcome.used = outcome.wanted && outcome.offered && outcome.why_not.empty();
            if (outcome.used || !outcome.offered) {
                outcome.why_not = {};
            }
        }
        return success();
    }

    [[nodiscard]] std::string_view why_not(Offload offload) const {
        switch (offload) {
        case Offload::tx_tcp_segmentation:
            return traits_->no_segmentation;
        case Offload::tx_ipv4_checksum:
        case Offload::tx_tcp_checksum:
        case Offload::tx_udp_checksum:
            return traits_->no_tx_checksum;
        case Offload::tx_multi_segment:
            return traits_->one_segment ? "the driver sends the first segment only" : "";
        case Offload::rx_ipv4_checksum:
        case Offload::rx_tcp_checksum:
        case Offload::rx_udp_checksum:
            return {};
        case Offload::rx_scatter:
            // It costs where it is on: TAP's reads take a thousand buffers along, vectors go
            // unused.
            return frame_bytes() <= buffer_bytes() ? "a frame fits one buffer" : "";
        }
        return {};
    }

    [[nodiscard]] std::uint32_t frame_bytes() const { return config().mtu + frame_overhead_bytes; }
    [[nodiscard]] std::uint32_t buffer_bytes() const { return pools_.front()->segment_bytes(); }

    Status decide_rss() {
        if (report().rx_queues < 2) {
            return success();
        }
        const std::uint64_t fields = rss_fields_to_ask(info_.flow_type_rss_offloads);
        if (fields == 0) {
            return success();
        }
        if (!traits_->no_rss.empty()) {
            note(fmt::format("RSS is offered and not used: {}", traits_->no_rss));
            return success();
        }
        if (rss_key_length(info_.hash_key_size) > rss_key_bytes_max) {
            note(fmt::format("RSS is offered and not used: its key has {} bytes",
                             info_.hash_key_size));
            return success();
        }
        rss_fields_ = fields;
        return success();
    }

    Status check_frame() {
        if (frame_bytes() > buffer_bytes() && !report().offloads[Offload::rx_scatter].used) {
            return Error{
                fmt::format("'{}' receives a frame into one buffer, and an MTU of {} needs {} "
                            "bytes where packets have {} – lower the MTU or enlarge the "
                            "packets",
                            report().device, config().mtu, frame_bytes(), buffer_bytes())};
        }
        if (const auto buffer = buffer_of_device(); buffer && *buffer < frame_bytes()) {
            return Error{fmt::format(
                "'{}' needs buffers for whole frames: {}={} or more for an MTU "
                "of {}",
                report().device, traits_->buffer_argument, frame_bytes(), config().mtu)};
        }
        if (traits_->pool_in_one_piece &&
            !std::ranges::all_of(pools_, [](const PacketPool* p) { return p->in_one_piece(); })) {
            return Error{fmt::format("'{}' needs packet memory without gaps – have EAL use virtual "
                                     "IO addresses (--iova-mode=va)",
                                     report().device)};
        }
        return success();
    }

    /// What the device string says of the size of its buffers.
    [[nodiscard]] std::optional<std::uint32_t> buffer_of_device() const {
        const auto text = traits_->buffer_argument.empty()
                              ? std::nullopt
                              : device_argument(config().device, traits_->buffer_argument);
        std::uint32_t bytes = 0;
        if (!text ||
            std::from_chars(text->data(), text->data() + text->size(), bytes).ec != std::errc{}) {
            return std::nullopt;
        }
        return bytes;
    }

    Status configure() {
        rte_eth_conf conf{};
        conf.rxmode.mtu = config().mtu;
        conf.rxmode.offloads = rx_offload_bits(report().offloads.used());
        conf.txmode.offloads = tx_offload_bits(report().offloads.used());
        if (rss_fields_ != 0) {
            conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
            conf.rx_adv_conf.rss_conf = {.rss_key = port_.config_.rss_key.data(),
                                         .rss_key_len = rss_key_length(info_.hash_key_size),
                                         .rss_hf = rss_fields_};
        }
        LogCapture log;
        const int error =
            rte_eth_dev_configure(port_.port_id_, report().rx_queues, report().tx_queues, &conf);
        if (error == 0) {
            report().rss = rss_fields_ != 0;
            report().mtu = config().mtu;
            return success();
        }
        const std::uint32_t mtu_max = largest_mtu();
        if (config().mtu > mtu_max) {
            return Error{fmt::format("'{}' cannot carry an MTU of {} – its driver's most is {}",
                                     report().device, config().mtu, mtu_max)};
        }
        return failed(log, "configuring it", error);
    }

    [[nodiscard]] std::uint32_t largest_mtu() const {
        const std::uint32_t of_frame = info_.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
        return info_.max_mtu == UINT16_MAX ? of_frame : info_.max_mtu;
    }

    Status set_up_queues() {
        std::uint16_t rx = config().rx_descriptors;
        std::uint16_t tx = config().tx_descriptors;
        LogCapture log;
        int error = rte_eth_dev_adjust_nb_rx_tx_desc(port_.port_id_, &rx, &tx);
        report().rx_descriptors = rx;
        report().tx_descriptors = tx;
        rte_eth_rxconf rx_conf = info_.default_rxconf;
        rx_conf.offloads = rx_offload_bits(report().offloads.used());
        for (std::uint16_t i = 0; i < report().rx_queues && error == 0; ++i) {
            error = rte_eth_rx_queue_setup(port_.port_id_, i, rx, numa_node(), &rx_conf,
                                           pools_[i]->packet_memory());
            if (error == -ENOMEM && pools_[i]->available() < rx) {
                return Error{fmt::format("'{}' needs more than {} packets in its worker's pool – "
                                         "more packets, or fewer descriptors",
                                         report().device, pools_[i]->packets())};
            }
        }
        rte_eth_txconf tx_conf = info_.default_txconf;
        tx_conf.offloads = tx_offload_bits(report().offloads.used());
        for (std::uint16_t i = 0; i < report().tx_queues && error == 0; ++i) {
            error = rte_eth_tx_queue_setup(port_.port_id_, i, tx, numa_node(), &tx_conf);
        }
        return error == 0 ? success() : failed(log, "setting its queues up", error);
    }

    [[nodiscard]] unsigned numa_node() const {
        return static_cast<unsigned>(rte_eth_dev_socket_id(port_.port_id_));
    }

    /// Decides what the stack answers to, and sees that the port lets it in.
    Status settle_address() {
        rte_ether_addr own{};
        rte_eth_macaddr_get(port_.port_id_, &own);
        MacBytes mac{};
        std::ranges::copy(own.addr_bytes, mac.begin());
        const bool needs_another = traits_->kernel_has_the_ports_mac || mac == MacBytes{};
        const MacBytes wanted = config().mac.value_or(needs_another ? neighbour_of(mac) : mac);
        report().mac = wanted;
        if (traits_->kernel_has_the_ports_mac) {
            if (wanted == mac) {
                return Error{
                    fmt::format("'{}': the kernel's end of it has this MAC address itself – "
                                "choose another, or none",
                                report().device)};
            }
            return success(); // the kernel's end sends whatever it resolves
        }
        const LogCapture quietly;
        if (wanted != mac && !set_address(wanted)) {
            port_.promiscuous_ = rte_eth_promiscuous_enable(port_.port_id_) == 0;
        }
        // IPv6's neighbour discovery asks multicast addresses.
        if (!port_.promiscuous_ && rte_eth_allmulticast_enable(port_.port_id_) != 0) {
            port_.promiscuous_ = rte_eth_promiscuous_enable(port_.port_id_) == 0;
        }
        return success();
    }

    /// True when the port has taken the address. The kernel's interfaces keep theirs.
    [[nodiscard]] bool set_address(const MacBytes& mac) const {
        if (traits_->interface_is_the_kernels) {
            return false;
        }
        rte_ether_addr address{};
        std::ranges::copy(mac, address.addr_bytes);
        return rte_eth_dev_default_mac_addr_set(port_.port_id_, &address) == 0;
    }

    Status look_at_interface() {
        const auto interface = kernel_interface(info_.if_index);
        if (!interface || !traits_->interface_is_the_kernels) {
            return success();
        }
        if (interface->mtu < report().mtu) {
            note(fmt::format("the MTU is {}, '{}' has no more", interface->mtu, interface->name));
            report().mtu = static_cast<std::uint16_t>(interface->mtu);
        }
        if (!interface->is_up) {
            note(fmt::format("'{0}' is down – 'ip link set {0} up'", interface->name));
        }
        return success();
    }

    void make_queues() {
        const std::uint16_t plain =
            segment_limit(info_.tx_desc_lim.nb_mtu_seg_max, report().tx_descriptors);
        const std::uint16_t of_tso =
            segment_limit(info_.tx_desc_lim.nb_seg_max, report().tx_descriptors);
        const bool chains = report().offloads[Offload::tx_multi_segment].used;
        for (std::uint16_t worker = 0; worker < pools_.size(); ++worker) {
            port_.queues_.push_back(std::make_unique<Queue>(Queue::Setup{
                .port = port_.port_id_,
                .rx_queue = worker < report().rx_queues ? worker : Queue::none,
                .tx_queue = worker < report().tx_queues ? worker : Queue::none,
                .pool = pools_[worker],
                .offloads = report().offloads.tx(),
                .frame_bytes_max = report().mtu + frame_overhead_bytes,
                .segments_max = chains ? plain : std::uint16_t{1},
                .segments_of_tso_max = chains ? of_tso : std::uint16_t{1},
                .flags_that_need_prepare = traits_->prepare_for_segmentation_only
                                               ? RTE_MBUF_F_TX_TCP_SEG
                                               : every_tx_request,
                .direct_only = traits_->one_segment,
                .odd_pieces_break_checksums = traits_->odd_pieces_break_checksums,
            }));
        }
    }

    [[nodiscard]] Status failed(std::string_view doing, int error) const {
        return Error{
            fmt::format("'{}': {} failed: {}", report().device, doing, std::strerror(-error))};
    }
    [[nodiscard]] Status failed(const LogCapture& log, std::string_view doing, int error) const {
        return Error{fmt::format("'{}': {} failed: {}", report().device, doing,
                                 explained(report().device, log.reason(), std::strerror(-error)))};
    }

    void note(std::string text) { report().notes.push_back(std::move(text)); }
    [[nodiscard]] const PortConfig& config() const { return port_.config_; }
    [[nodiscard]] PortReport& report() const { return port_.report_; }

    Port& port_;
    std::span<PacketPool* const> pools_;
    rte_eth_dev_info info_{};
    const DriverTraits* traits_ = nullptr;
    std::uint64_t rss_fields_ = 0;
};

Result<std::unique_ptr<Port>> Port::open(const PortConfig& config,
                                         std::span<PacketPool* const> pools) {
    MILLRACE_ASSERT(!pools.empty());
    std::unique_ptr<Port> port{new Port};
    port->config_ = config;
    if (Status done = Opening{*port, pools}.run(); !done) {
        return done.error();
    }
    return port;
}

Port::~Port() {
    if (port_id_ == RTE_MAX_ETHPORTS) {
        return;
    }
    stop();
    const LogCapture quietly;
    if (promiscuous_) {
        // AF_PACKET sets the kernel's interface so, and would leave it.
        rte_eth_promiscuous_disable(port_id_);
    }
    rte_eth_dev_close(port_id_);
    unplug(plugged_);
}

Status Port::start() {
    LogCapture log;
    if (const int error = rte_eth_dev_start(port_id_); error != 0) {
        return Error{fmt::format("'{}' does not start: {}", report_.device,
                                 explained(report_.device, log.reason(), std::strerror(-error)))};
    }
    started_ = true;
    if (report_.rss) {
        start_rss(config_.rss_key);
    }
    report_.rx_interrupts = rte_eth_dev_rx_intr_disable(port_id_, 0) == 0;
    return success();
}

/// Some drivers take key and fields only once they run; what they then say is what counts.
void Port::start_rss(const RssKey& key) {
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(port_id_, &info);
    const std::uint8_t key_length = rss_key_length(info.hash_key_size);
    RssKey copy = key;
    rte_eth_rss_conf conf{.rss_key = copy.data(),
                          .rss_key_len = key_length,
                          .rss_hf = rss_fields_to_ask(info.flow_type_rss_offloads)};
    rte_eth_dev_rss_hash_update(port_id_, &conf);
    spread_evenly(port_id_, info.reta_size, report_.rx_queues);
    rss_table_ = read_rss_table(port_id_, info.reta_size, key_length);
    if (rss_table_.empty() ||
        !std::ranges::equal(rss_table_.key, std::span{key}.first(key_length))) {
        report_.notes.emplace_back(
            rss_table_.empty() ? "RSS is on, and its table cannot be read: packets are steered "
                                 "in software"
                               : "RSS is on with another key than it was given: packets are "
                                 "steered in software");
        rss_table_ = {};
        report_.rss = false;
    }
}

void Port::stop() {
    if (started_) {
        const LogCapture quietly;
        rte_eth_dev_stop(port_id_);
        started_ = false;
    }
}

bool Port::link_up() const {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::uint32_t Port::packets_kept() const {
    return traits_of_driver(report_.driver).packets_kept * report_.rx_queues;
}

} // namespace millrace::nic
