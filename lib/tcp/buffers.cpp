#include "tcp/buffers.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::tcp {

namespace {
constexpr std::uint32_t none = Pool<Node>::none;
}

Buffers::Buffers(const Limits& limits, std::pmr::memory_resource& memory)
    : limits_{limits}, nodes_{limits.nodes, memory}, chunks_{limits.chunks, memory} {}

std::uint32_t Buffers::make_node(const Slice& slice, wire::SeqNum seq) {
    const bool is_packet = slice.owner == OwnerKind::packet;
    if (is_packet && packets_are_scarce()) [[unlikely]] {
        return none;
    }
    const std::uint32_t index = nodes_.allocate();
    if (index != none) [[likely]] {
        nodes_[index] = Node{slice, none, seq};
        packets_held_ += is_packet ? 1U : 0U;
    }
    return index;
}

void Buffers::append_node(Rope& rope, std::uint32_t index) {
    nodes_[index].next = none;
    if (rope.head == none) {
        rope.head = index;
    } else {
        nodes_[rope.tail].next = index;
    }
    rope.tail = index;
    rope.length += nodes_[index].slice.length;
}

bool Buffers::append(Rope& rope, const Slice& slice) {
    MILLRACE_ASSERT(slice.length > 0);
    const std::uint32_t index = make_node(slice, {});
    if (index == none) [[unlikely]] {
        return false;
    }
    append_node(rope, index);
    return true;
}

std::uint32_t Buffers::room_in_last_chunk(const Rope& rope) const {
    if (rope.tail == none || nodes_[rope.tail].slice.owner != OwnerKind::chunk) {
        return 0;
    }
    const Slice& last = nodes_[rope.tail].slice;
    const Chunk& chunk = chunks_[static_cast<std::uint32_t>(last.handle)];
    const bool at_end = last.data + last.length == chunk.bytes + chunk.used;
    return at_end ? Chunk::capacity - chunk.used : 0;
}

bool Buffers::append_chunk(Rope& rope) {
    const std::uint32_t chunk = chunks_.allocate();
    if (chunk == none) [[unlikely]] {
        return false;
    }
    chunks_[chunk].used = 0;
    chunks_[chunk].references = 1;
    const std::uint32_t index =
        make_node(Slice{chunks_[chunk].bytes, 0, OwnerKind::chunk, chunk}, {});
    if (index == none) [[unlikely]] {
        chunks_.release(chunk);
        return false;
    }
    append_node(rope, index);
    return true;
}

std::uint32_t Buffers::copy_charge(const Rope& rope, std::uint32_t length) const {
    const std::uint32_t room = room_in_last_chunk(rope);
    const std::uint32_t rest = length - std::min(length, room);
    return (rest + Chunk::capacity - 1) / Chunk::capacity * std::uint32_t{sizeof(Chunk)};
}

std::uint32_t Buffers::copy_room(const Rope& rope) const {
    const std::uint64_t fresh = std::min(chunks_.available(), nodes_.available());
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(room_in_last_chunk(rope) + fresh * Chunk::capacity, UINT32_MAX));
}

std::uint32_t Buffers::append_copy(Rope& rope, std::span<const std::byte> bytes,
                                   std::uint32_t& charged) {
    std::uint32_t copied = 0;
    while (copied < bytes.size()) {
        std::uint32_t room = room_in_last_chunk(rope);
        if (room == 0) {
            if (!append_chunk(rope)) {
                break;
            }
            charged += std::uint32_t{sizeof(Chunk)};
            room = Chunk::capacity;
        }
        const auto rest = static_cast<std::uint32_t>(bytes.size()) - copied;
        const std::uint32_t count = std::min(room, rest);
        Slice& last = nodes_[rope.tail].slice;
        Chunk& chunk = chunks_[static_cast<std::uint32_t>(last.handle)];
        std::memcpy(chunk.bytes + chunk.used, bytes.data() + copied, count);
        chunk.used += count;
        last.length += count;
        rope.length += count;
        copied += count;
    }
    return copied;
}

void Buffers::drop_chunk_reference(std::uint32_t chunk) {
    if (--chunks_[chunk].references == 0) {
        chunks_.release(chunk);
    }
}

void Buffers::drop_node(std::uint32_t index) {
    Node& node = nodes_[index];
    switch (node.slice.owner) {
    case OwnerKind::packet:
        --packets_held_;
        [[fallthrough]];
    case OwnerKind::store:
        node.next = released_;
        released_ = index;
        return;
    case OwnerKind::chunk:
        drop_chunk_reference(static_cast<std::uint32_t>(node.slice.handle));
        break;
    case OwnerKind::nobody:
        break;
    }
    nodes_.release(index);
}

std::uint32_t Buffers::drop_front(Rope& rope, std::uint32_t count, std::span<Cursor> cursors) {
    MILLRACE_ASSERT(count <= rope.length);
    rope.length -= count;
    std::uint32_t uncharged = 0;
    while (count > 0) {
        const std::uint32_t index = rope.head;
        Slice& slice = nodes_[index].slice;
        if (count < slice.length) {
            for (Cursor& cursor : cursors) {
                if (cursor.node == index) {
                    cursor.offset -= std::min(cursor.offset, count);
                }
            }
            const std::uint32_t before = charge(slice);
            slice = slice.without_first(count);
            return uncharged + before - charge(slice);
        }
        count -= slice.length;
        uncharged += charge(slice);
        rope.head = nodes_[index].next;
        for (Cursor& cursor : cursors) {
            if (cursor.node == index) {
                cursor = Cursor{rope.head, 0};
            }
        }
        drop_node(index);
    }
    if (rope.head == none) {
        rope.tail = none;
    }
    return uncharged;
}

void Buffers::retain_chunk(const Slice& slice) {
    ++chunks_[static_cast<std::uint32_t>(slice.handle)].references;
}

void Buffers::clear(Rope& rope) {
    drop_front(rope, rope.length);
}

Cursor Buffers::normalized(const Rope& rope, Cursor cursor) const {
    if (cursor.node == none) {
        cursor = Cursor{rope.head, 0};
    }
    while (cursor.offset >= nodes_[cursor.node].slice.length) {
        cursor.offset -= nodes_[cursor.node].slice.length;
        cursor.node = nodes_[cursor.node].next;
    }
    return cursor;
}

Cursor Buffers::advanced(const Rope& rope, Cursor cursor, std::uint32_t count) const {
    if (cursor.node == none) {
        cursor = Cursor{rope.head, 0};
    }
    cursor.offset += count;
    while (cursor.node != none && cursor.offset >= nodes_[cursor.node].slice.length &&
           nodes_[cursor.node].next != none) {
        cursor.offset -= nodes_[cursor.node].slice.length;
        cursor.node = nodes_[cursor.node].next;
    }
    return cursor;
}

} // namespace millrace::tcp
