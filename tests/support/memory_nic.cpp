#include "support/memory_nic.hpp"

#include "base/assert.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace millrace::support {

namespace {

/// What a port does that offers transmit checksums: the field holds the pseudo-header's sum.
void fill_checksums(Frame& frame, const TxRequest& request) {
    std::byte* const l3 = frame.data() + request.l2_length;
    if (request.ip_checksum) {
        wire::fill_ipv4_checksum(l3);
    }
    if (request.tcp_checksum) {
        std::byte* const l4 = l3 + request.l3_length;
        const auto size = static_cast<std::size_t>(frame.data() + frame.size() - l4);
        auto& header = wire::header_at<wire::TcpHeader>(l4);
        header.checksum = wire::finish(wire::sum({l4, size}));
    }
}

/// What a port does that offers TCP segmentation.
std::vector<Frame> cut(const Frame& frame, const TxRequest& request) {
    const std::size_t ip_at = request.l2_length;
    const std::size_t tcp_at = ip_at + request.l3_length;
    const std::size_t header_bytes = tcp_at + request.l4_length;
    std::vector<Frame> all;
    for (std::size_t at = header_bytes; at < frame.size(); at += request.segment_size) {
        const std::size_t end = std::min(at + request.segment_size, frame.size());
        const auto offset = [&](std::size_t n) {
            return frame.begin() + static_cast<std::ptrdiff_t>(n);
        };
        Frame one{offset(0), offset(header_bytes)};
        one.insert(one.end(), offset(at), offset(end));
        auto& tcp = wire::header_at<wire::TcpHeader>(one.data() + tcp_at);
        tcp.seq = tcp.seq + static_cast<std::uint32_t>(at - header_bytes);
        if (end < frame.size()) {
            tcp.flags = static_cast<std::uint8_t>(
                tcp.flags & ~unsigned{wire::tcp_flag::psh | wire::tcp_flag::fin});
        }
        const auto tcp_bytes = static_cast<std::uint16_t>(one.size() - tcp_at);
        if (request.ipv4) {
            auto& ip = wire::header_at<wire::Ipv4Header>(one.data() + ip_at);
            ip.total_length = static_cast<std::uint16_t>(one.size() - ip_at);
            ip.id = static_cast<std::uint16_t>(ip.id + all.size());
            ip.checksum = std::uint16_t{0};
        } else {
            wire::header_at<wire::Ipv6Header>(one.data() + ip_at).payload_length = tcp_bytes;
        }
        // The field holds the pseudo-header's sum as if the length were zero.
        const BigEndian<std::uint16_t> length{tcp_bytes};
        const BigEndian<std::uint16_t> without_length{tcp.checksum};
        tcp.checksum = wire::fold(wire::sum(std::as_bytes(std::span{&length, 1})) +
                                  wire::sum(std::as_bytes(std::span{&without_length, 1})));
        all.push_back(std::move(one));
    }
    return all;
}

} // namespace

std::uint32_t MemoryPacket::length() const {
    std::uint32_t total = 0;
    for (const PacketBuffer* buffer = buffer_; buffer != nullptr; buffer = buffer->next) {
        total += buffer->length;
    }
    return total;
}

std::byte* MemoryPacket::append(std::uint32_t count) const {
    std::byte* const end = buffer_->data + buffer_->length;
    if (end + count > buffer_->room.data() + PacketBuffer::capacity) {
        return nullptr;
    }
    buffer_->length += count;
    return end;
}

MemoryNic::MemoryNic(std::size_t packets, TxOffloads offloads) : offloads_{offloads} {
    for (std::size_t i = 0; i < packets; ++i) {
        buffers_.push_back(std::make_unique<PacketBuffer>());
        buffers_.back()->owner = this;
        free_.push_back(buffers_.back().get());
    }
}

MemoryNic::~MemoryNic() {
    for (PacketBuffer* const buffer : received_) {
        release(Packet{buffer});
    }
}

PacketBuffer* MemoryNic::take() {
    if (free_.empty()) {
        return nullptr;
    }
    PacketBuffer* const buffer = free_.back();
    free_.pop_back();
    buffer->references = 1;
    buffer->length = 0;
    buffer->data = buffer->room.data() + PacketBuffer::headroom;
    buffer->next = buffer->attached = nullptr;
    buffer->checksums = {};
    buffer->request = {};
    return buffer;
}

std::size_t MemoryNic::receive(std::span<Packet> burst) {
    const std::size_t count = std::min(burst.size(), received_.size());
    for (std::size_t i = 0; i < count; ++i) {
        burst[i] = Packet{received_.front()};
        received_.pop_front();
    }
    return count;
}

std::size_t MemoryNic::transmit(std::span<Packet> burst) {
    const std::size_t count = std::min(burst.size(), transmit_room);
    for (const Packet packet : burst.first(count)) {
        Frame frame;
        for (Packet part = packet; part; part = part.next()) {
            frame.insert(frame.end(), part.bytes().begin(), part.bytes().end());
        }
        const TxRequest& request = packet.buffer()->request;
        if (request.segment_size != 0) {
            for (Frame& one : cut(frame, request)) {
                fill_checksums(one, request);
                sent_.push_back(std::move(one));
            }
        } else {
            fill_checksums(frame, request);
            sent_.push_back(std::move(frame));
        }
        release(packet);
    }
    if (transmit_room != SIZE_MAX) {
        transmit_room -= count;
    }
    return count;
}

bool MemoryNic::allocate(std::span<Packet> burst) {
    if (free_.size() < burst.size()) {
        return false;
    }
    std::generate(burst.begin(), burst.end(), [this] { return Packet{take()}; });
    return true;
}

void MemoryNic::retain(Packet packet) {
    MILLRACE_ASSERT(packet.buffer()->references > 0);
    ++packet.buffer()->references;
}

void MemoryNic::release(Packet packet) {
    PacketBuffer* buffer = packet.buffer();
    while (buffer != nullptr) {
        MILLRACE_ASSERT(buffer->owner == this && buffer->references > 0);
        if (--buffer->references > 0) {
            return;
        }
        PacketBuffer* const next = buffer->next;
        if (buffer->attached != nullptr) {
            release(Packet{buffer->attached});
        }
        // What is freed is made unlike itself, so that a use after this shows.
        std::memset(buffer->room.data(), 0xdd, PacketBuffer::capacity);
        free_.push_back(buffer);
        buffer = next;
    }
}

bool MemoryNic::attach(Packet packet, const Slice& slice) {
    if (!offloads_.multi_segment || slice.owner == OwnerKind::chunk) {
        return false;
    }
    PacketBuffer* const part = take();
    if (part == nullptr) {
        return false;
    }
    part->data = const_cast<std::byte*>(slice.data);
    part->length = slice.length;
    if (slice.owner == OwnerKind::packet) {
        const Packet source = Packet::from_handle(slice.handle);
        retain(source);
        part->attached = source.buffer();
    }
    PacketBuffer* last = packet.buffer();
    while (last->next != nullptr) {
        last = last->next;
    }
    last->next = part;
    return true;
}

bool MemoryNic::deliver(const Frame& frame, RxChecksums checksums) {
    PacketBuffer* const buffer = take();
    if (buffer == nullptr) {
        return false;
    }
    std::byte* const out = Packet{buffer}.append(static_cast<std::uint32_t>(frame.size()));
    MILLRACE_ASSERT(out != nullptr);
    std::memcpy(out, frame.data(), frame.size());
    buffer->checksums = checksums;
    received_.push_back(buffer);
    return true;
}

bool MemoryNic::take_sent(Frame& frame) {
    if (sent_.empty()) {
        return false;
    }
    frame = std::move(sent_.front());
    sent_.pop_front();
    return true;
}

} // namespace millrace::support
