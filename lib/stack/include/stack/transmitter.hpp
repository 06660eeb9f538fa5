#pragma once

#include "stack/counters.hpp"
#include "stack/nic_concept.hpp"
#include "tcp/buffers.hpp"
#include "tcp/output.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace millrace::stack {

/// Where a segment goes, and from whom.
template <class Addr>
struct Path {
    wire::MacAddr source_mac;
    wire::MacAddr destination_mac;
    Addr source;
    Addr destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t hop_limit = 0;
    std::uint8_t dscp = 0;
};

/// The way out of one worker: makes packets of segments and hands them to the port in bursts. What
/// the port computes is left to it, the rest is done here.
template <Nic N>
class Transmitter {
  public:
    using Packet = typename N::Packet;

    Transmitter(N& nic, Counters& counters, Drops& drops)
        : nic_{nic}, counters_{counters}, drops_{drops}, offloads_{nic.offloads()} {}

    ~Transmitter() { release_everything(); }

    Transmitter(const Transmitter&) = delete;
    Transmitter& operator=(const Transmitter&) = delete;

    /// Makes one packet of a segment; its payload is read from `queue`, null when it has none. The
    /// result is null, and the drop is counted, when no packet is left.
    template <class Addr>
    [[nodiscard]] Packet build(const Path<Addr>& path, const tcp::OutSegment& segment,
                               const tcp::Buffers& buffers, const tcp::Rope* queue);

    /// How many of these segments, from the front, can go as one large packet that the port cuts
    /// (TSO); 1 where none follows the first without a gap, or the port or the payload's owner
    /// cannot.
    [[nodiscard]] std::size_t large_run(std::span<const tcp::OutSegment> segments,
                                        const tcp::Buffers& buffers, const tcp::Rope* queue) const;

    /// Makes one packet of such a run. The result is null when it cannot be: send them one by one.
    template <class Addr>
    [[nodiscard]] Packet build_large(const Path<Addr>& path,
                                     std::span<const tcp::OutSegment> segments,
                                     const tcp::Buffers& buffers, const tcp::Rope& queue);

    /// Makes one packet of a whole frame.
    [[nodiscard]] Packet build(std::span<const std::byte> frame);

    /// Puts the Ethernet addresses into a packet built before they were known.
    static void address(Packet packet, const wire::MacAddr& source, const wire::MacAddr& target) {
        auto& header = wire::header_at<wire::EthernetHeader>(packet.bytes().data());
        header.source = source;
        header.destination = target;
    }

    /// Queues a packet, which is the transmitter's from now on, for the next `flush`.
    void send(Packet packet) {
        if (queued_ == burst_.size()) [[unlikely]] {
            flush();
        }
        if (queued_ == burst_.size()) [[unlikely]] {
            drops_.add(wire::Drop::tx_ring_full);
            nic_.release(packet);
            return;
        }
        counters_.add(Counter::tx_packets);
        counters_.add(Counter::tx_bytes, packet.length());
        burst_[queued_++] = packet;
    }

    /// Gives the port what is queued; what it has no room for stays for the next time.
    void flush() {
        if (queued_ == 0) {
            return;
        }
        const std::size_t sent = nic_.transmit({burst_.data(), queued_});
        std::copy(burst_.begin() + static_cast<std::ptrdiff_t>(sent),
                  burst_.begin() + static_cast<std::ptrdiff_t>(queued_), burst_.begin());
        queued_ -= sent;
    }

    /// True when `count` packets can be queued and no port that is behind would make them drop.
    [[nodiscard]] bool has_room(std::size_t count) {
        if (burst_.size() - queued_ < count) {
            flush();
        }
        return burst_.size() - queued_ >= count;
    }

    [[nodiscard]] std::size_t queued() const { return queued_; }
    [[nodiscard]] bool idle() const { return queued_ == 0; }

    /// Gives back packets kept for the next segments, and those that the port did not take; when
    /// the port is about to go, or for a leak check.
    void release_everything() {
        release_all(burst_.data(), queued_);
        release_all(spare_.data(), spares_);
        queued_ = spares_ = 0;
    }

  private:
    /// From here on a payload is attached rather than copied, where the port can do that.
    static constexpr std::uint32_t attach_from_bytes = 512;
    /// Of a large packet: what every port that cuts takes, and what IP's length field can say.
    static constexpr std::size_t large_pieces_max = 16;
    static constexpr std::uint32_t large_payload_max = 65'000;

    [[nodiscard]] Packet take_packet() {
        if (spares_ == 0) {
            if (!nic_.allocate(spare_)) [[unlikely]] {
                drops_.add(wire::Drop::packet_pool_dry);
                return Packet{};
            }
            spares_ = spare_.size();
        }
        return spare_[--spares_];
    }

    void release_all(Packet* packets, std::size_t count) {
        std::for_each(packets, packets + count, [this](Packet packet) { nic_.release(packet); });
    }

    [[nodiscard]] static bool continues(const tcp::OutSegment& before,
                                        const tcp::OutSegment& segment);
    void request_offloads(Packet packet, bool ipv4, std::uint16_t tcp_length,
                          std::uint16_t segment_size) const;

    [[nodiscard]] bool attach_payload(Packet packet, const tcp::OutSegment& segment,
                                      const tcp::Buffers& buffers, const tcp::Rope& queue,
                                      wire::PiecewiseSum& sum);
    [[nodiscard]] bool copy_payload(Packet packet, const tcp::OutSegment& segment,
                                    const tcp::Buffers& buffers, const tcp::Rope& queue,
                                    wire::PiecewiseSum& sum);

    template <class Addr>
    [[nodiscard]] std::byte* write_headers(Packet packet, const Path<Addr>& path,
                                           const tcp::OutSegment& segment,
                                           std::uint16_t& tcp_length);

    N& nic_;
    Counters& counters_;
    Drops& drops_;
    TxOffloads offloads_;
    std::size_t queued_ = 0;
    std::size_t spares_ = 0;
    std::array<Packet, 64> burst_{};
    std::array<Packet, 32> spare_{};
};

namespace detail {

inline std::size_t write_ip(std::byte* out, const Path<wire::Ipv4Addr>& path, wire::Ecn ecn,
                            std::size_t payload_bytes) {
    // An atomic datagram (RFC 6864): it is never fragmented, so its id means nothing.
    wire::Ipv4Packet packet;
    packet.source = path.source;
    packet.destination = path.destination;
    packet.protocol = wire::ip_protocol::tcp;
    packet.ttl = path.hop_limit;
    packet.dont_fragment = true;
    packet.traffic_class = wire::traffic_class(path.dscp, ecn);
    return wire::write_ipv4(out, packet, payload_bytes);
}

inline std::size_t write_ip(std::byte* out, const Path<wire::Ipv6Addr>& path, wire::Ecn ecn,
                            std::size_t payload_bytes) {
    wire::Ipv6Packet packet;
    packet.source = path.source;
    packet.destination = path.destination;
    packet.protocol = wire::ip_protocol::tcp;
    packet.hop_limit = path.hop_limit;
    packet.traffic_class = wire::traffic_class(path.dscp, ecn);
    return wire::write_ipv6(out, packet, payload_bytes);
}

} // namespace detail

template <Nic N>
template <class Addr>
std::byte* Transmitter<N>::write_headers(Packet packet, const Path<Addr>& path,
                                         const tcp::OutSegment& segment,
                                         std::uint16_t& tcp_length) {
    constexpr bool is_ipv4 = std::is_same_v<Addr, wire::Ipv4Addr>;
    constexpr std::size_t ip_length =
        is_ipv4 ? wire::ipv4_header_bytes_min : wire::ipv6_header_bytes;
    wire::TcpSegment header = segment.header;
    header.source_port = path.source_port;
    header.destination_port = path.destination_port;
    tcp_length = static_cast<std::uint16_t>(wire::tcp_header_bytes_min +
                                            wire::tcp_options_length(header.options));
    std::byte* const frame = packet.append(
        static_cast<std::uint32_t>(wire::ethernet_header_bytes + ip_length + tcp_length));
    if (frame == nullptr) [[unlikely]] {
        return nullptr;
    }
    auto& ethernet = wire::header_at<wire::EthernetHeader>(frame);
    ethernet.destination = path.destination_mac;
    ethernet.source = path.source_mac;
    ethernet.ethertype = is_ipv4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6;
    std::byte* const ip = frame + wire::ethernet_header_bytes;
    detail::write_ip(ip, path, segment.header.ecn, tcp_length + segment.payload_length);
    if constexpr (is_ipv4) {
        if (!offloads_.ipv4_checksum) {
            wire::fill_ipv4_checksum(ip);
        }
    }
    wire::write_tcp(ip + ip_length, header);
    return ip + ip_length;
}

template <Nic N>
bool Transmitter<N>::attach_payload(Packet packet, const tcp::OutSegment& segment,
                                    const tcp::Buffers& buffers, const tcp::Rope& queue,
                                    wire::PiecewiseSum& sum) {
    bool attached = true;
    buffers.for_each(queue, segment.payload, segment.payload_length, [&](const Slice& piece) {
        attached = attached && nic_.attach(packet, piece);
        if (attached && !offloads_.tcp_checksum) {
            sum.add(piece.bytes());
        }
    });
    return attached;
}

template <Nic N>
bool Transmitter<N>::copy_payload(Packet packet, const tcp::OutSegment& segment,
                                  const tcp::Buffers& buffers, const tcp::Rope& queue,
                                  wire::PiecewiseSum& sum) {
    std::byte* out = packet.append(segment.payload_length);
    if (out == nullptr) [[unlikely]] {
        return false;
    }
    buffers.for_each(queue, segment.payload, segment.payload_length, [&](const Slice& piece) {
        if (offloads_.tcp_checksum) {
            std::memcpy(out, piece.data, piece.length);
        } else {
            sum.add(wire::sum_and_copy(out, piece.bytes()), piece.length);
        }
        out += piece.length;
    });
    return true;
}

template <Nic N>
template <class Addr>
auto Transmitter<N>::build(const Path<Addr>& path, const tcp::OutSegment& segment,
                           const tcp::Buffers& buffers, const tcp::Rope* queue) -> Packet {
    constexpr bool is_ipv4 = std::is_same_v<Addr, wire::Ipv4Addr>;
    bool attach = offloads_.multi_segment && segment.payload_length >= attach_from_bytes;
    while (true) {
        Packet packet = take_packet();
        if (!packet) [[unlikely]] {
            return packet;
        }
        std::uint16_t tcp_length = 0;
        std::byte* const tcp = write_headers(packet, path, segment, tcp_length);
        wire::PiecewiseSum payload_sum;
        bool whole = tcp != nullptr;
        if (whole && segment.payload_length > 0) {
            whole = attach ? attach_payload(packet, segment, buffers, *queue, payload_sum)
                           : copy_payload(packet, segment, buffers, *queue, payload_sum);
        }
        if (!whole) [[unlikely]] {
            nic_.release(packet);
            if (attach) {
                attach = false; // This owner's memory is not for this port: copy.
                continue;
            }
            drops_.add(wire::Drop::tx_too_long);
            return Packet{};
        }
        counters_.add(attach ? Counter::payload_bytes_attached : Counter::payload_bytes_copied,
                      segment.payload_length);
        counters_.add(Counter::tcp_segments_sent);
        const auto length = static_cast<std::uint16_t>(tcp_length + segment.payload_length);
        const wire::ChecksumSum pseudo =
            wire::pseudo_header_sum(path.source, path.destination, wire::ip_protocol::tcp, length);
        auto& checksum = wire::header_at<wire::TcpHeader>(tcp).checksum;
        if (offloads_.tcp_checksum) {
            checksum = wire::fold(pseudo);
        } else {
            checksum = wire::finish(pseudo + wire::sum({tcp, tcp_length}) + payload_sum.sum());
        }
        constexpr std::uint16_t do_not_cut = 0;
        request_offloads(packet, is_ipv4, tcp_length, do_not_cut);
        return packet;
    }
}

template <Nic N>
void Transmitter<N>::request_offloads(Packet packet, bool ipv4, std::uint16_t tcp_length,
                                      std::uint16_t segment_size) const {
    if (!offloads_.tcp_checksum && !(ipv4 && offloads_.ipv4_checksum)) {
        return;
    }
    TxRequest request;
    request.l2_length = wire::ethernet_header_bytes;
    request.l3_length = ipv4 ? wire::ipv4_header_bytes_min : wire::ipv6_header_bytes;
    request.l4_length = tcp_length;
    request.segment_size = segment_size;
    request.ipv4 = ipv4;
    request.ip_checksum = ipv4 && (offloads_.ipv4_checksum || segment_size != 0);
    request.tcp_checksum = offloads_.tcp_checksum;
    packet.request(request);
}

/// Whether a port that cuts makes of both, put together, what they are apart: it copies the header,
/// and leaves PSH and FIN to the last.
template <Nic N>
bool Transmitter<N>::continues(const tcp::OutSegment& before, const tcp::OutSegment& segment) {
    namespace flag = wire::tcp_flag;
    const wire::TcpSegment& a = before.header;
    const wire::TcpSegment& b = segment.header;
    constexpr unsigned of_the_last = flag::psh | flag::fin;
    return segment.payload_length > 0 && b.seq == a.seq + before.payload_length && b.ack == a.ack &&
           b.ecn == a.ecn && b.window == a.window && (a.flags & of_the_last) == 0 &&
           (b.flags & ~of_the_last) == a.flags && a.options.sack_count == 0 &&
           b.options.sack_count == 0 && b.options.has_timestamps == a.options.has_timestamps &&
           b.options.ts_val == a.options.ts_val && b.options.ts_ecr == a.options.ts_ecr;
}

template <Nic N>
std::size_t Transmitter<N>::large_run(std::span<const tcp::OutSegment> segments,
                                      const tcp::Buffers& buffers, const tcp::Rope* queue) const {
    const std::uint32_t size = segments.front().payload_length;
    if (segments.size() < 2 || !offloads_.tcp_segmentation || !offloads_.multi_segment ||
        !offloads_.tcp_checksum || size < attach_from_bytes) {
        return 1;
    }
    std::size_t count = 0;
    std::size_t pieces = 0;
    std::uint32_t bytes = 0;
    const std::byte* end = nullptr; // Of the last piece: what goes on there is no new one.
    bool attachable = true;
    for (const tcp::OutSegment& segment : segments) {
        if (segment.payload_length > size ||
            (count > 0 && !continues(segments[count - 1], segment))) {
            break;
        }
        buffers.for_each(*queue, segment.payload, segment.payload_length, [&](const Slice& piece) {
            attachable =
                attachable && (piece.owner == OwnerKind::packet || piece.owner == OwnerKind::store);
            pieces += piece.data == end ? 0U : 1U;
            end = piece.data + piece.length;
        });
        bytes += segment.payload_length;
        if (!attachable || pieces > large_pieces_max || bytes > large_payload_max) {
            break;
        }
        ++count;
        if (segment.payload_length < size) {
            break; // Only the last may be shorter.
        }
    }
    return std::max<std::size_t>(count, 1);
}

template <Nic N>
template <class Addr>
auto Transmitter<N>::build_large(const Path<Addr>& path, std::span<const tcp::OutSegment> segments,
                                 const tcp::Buffers& buffers, const tcp::Rope& queue) -> Packet {
    constexpr bool is_ipv4 = std::is_same_v<Addr, wire::Ipv4Addr>;
    const Packet packet = take_packet();
    if (!packet) [[unlikely]] {
        return packet;
    }
    tcp::OutSegment large = segments.front();
    large.header.flags |= segments.back().header.flags;
    for (const tcp::OutSegment& segment : segments.subspan(1)) {
        large.payload_length += segment.payload_length;
    }
    std::uint16_t tcp_length = 0;
    std::byte* const tcp = write_headers(packet, path, large, tcp_length);
    wire::PiecewiseSum unused;
    if (tcp == nullptr || !attach_payload(packet, large, buffers, queue, unused)) {
        nic_.release(packet);
        return Packet{};
    }
    // The length counts as zero: each segment has its own.
    wire::header_at<wire::TcpHeader>(tcp).checksum = wire::fold(wire::pseudo_header_sum(
        path.source, path.destination, wire::ip_protocol::tcp, std::uint16_t{0}));
    request_offloads(packet, is_ipv4, tcp_length,
                     static_cast<std::uint16_t>(segments.front().payload_length));
    counters_.add(Counter::payload_bytes_attached, large.payload_length);
    counters_.add(Counter::tcp_segments_sent, segments.size());
    counters_.add(Counter::large_packets_sent);
    return packet;
}

template <Nic N>
auto Transmitter<N>::build(std::span<const std::byte> frame) -> Packet {
    Packet packet = take_packet();
    if (!packet) {
        return packet;
    }
    std::byte* const out = packet.append(static_cast<std::uint32_t>(frame.size()));
    if (out == nullptr) {
        drops_.add(wire::Drop::tx_too_long);
        nic_.release(packet);
        return Packet{};
    }
    std::memcpy(out, frame.data(), frame.size());
    return packet;
}

} // namespace millrace::stack
