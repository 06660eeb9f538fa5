#pragma once

#include "base/pool.hpp"
#include "base/slice.hpp"
#include "wire/seq_num.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>

namespace millrace::tcp {

/// One slice in a queue, and the link to the next.
struct Node {
    Slice slice;
    std::uint32_t next = UINT32_MAX;
    wire::SeqNum seq; ///< Of the first byte; set for out-of-order data only.
};

static_assert(sizeof(Node) == 32, "two nodes a cache line");

/// A queue of slices; the nodes are in `Buffers`. Holds nothing when idle but these 12 bytes.
struct Rope {
    std::uint32_t head = UINT32_MAX;
    std::uint32_t tail = UINT32_MAX;
    std::uint32_t length = 0; ///< Bytes in all slices.

    [[nodiscard]] bool empty() const { return length == 0; }
};

/// A position in a rope: a node and an offset into its slice.
struct Cursor {
    std::uint32_t node = UINT32_MAX;
    std::uint32_t offset = 0;

    bool operator==(const Cursor&) const = default;
};

/// A small buffer of the worker's own, for bytes whose owner will not keep them. Several slices may
/// lie in one chunk; it goes back to the pool with the last of them.
struct Chunk {
    static constexpr std::uint32_t capacity = 2040;
    std::uint32_t used = 0;
    std::uint32_t references = 0;
    std::byte bytes[capacity];
};

static_assert(sizeof(Chunk) == 2048);

/// The queue memory of one worker: nodes and chunks, shared by its connections.
///
/// Ownership: a rope owns one reference for each slice in it. When a slice leaves a rope, a chunk's
/// reference is dropped here; a packet's or a document's is not ours to drop, so its node goes on
/// the released list, which the pipeline empties with `take_released` (and tells the NIC).
class Buffers {
  public:
    struct Limits {
        std::uint32_t nodes = 65536;
        std::uint32_t chunks = 16384;
        /// Slices of packets in all queues. A port that has no packet left is deaf to everybody, so
        /// queues may hold at most a good part of what it has.
        std::uint32_t packets = 8192;
        /// Bytes that one slice of a packet pins, whatever its length.
        std::uint32_t packet_bytes = 2304;
    };

    explicit Buffers(const Limits& limits,
                     std::pmr::memory_resource& memory = *std::pmr::get_default_resource());

    /// Appends a slice and takes over one reference to its owner; false when `make_node` cannot
    /// (the reference stays the caller's).
    [[nodiscard]] bool append(Rope& rope, const Slice& slice);

    /// Copies bytes to the end of the rope, into chunks; says how many bytes it could take. Adds
    /// the memory this pins to `charged`.
    [[nodiscard]] std::uint32_t append_copy(Rope& rope, std::span<const std::byte> bytes,
                                            std::uint32_t& charged);

    /// Memory that `append_copy` of so many bytes would pin beyond what the rope pins already.
    [[nodiscard]] std::uint32_t copy_charge(const Rope& rope, std::uint32_t length) const;

    /// Bytes that `append_copy` could take now, at most UINT32_MAX.
    [[nodiscard]] std::uint32_t copy_room(const Rope& rope) const;

    /// Drops the first `count` bytes (at most the rope's length), and with them the slices that are
    /// used up. Cursors in the rope are moved so that they still name the same byte, or the first
    /// when theirs is dropped. Returns by how much the memory pinned became less.
    std::uint32_t drop_front(Rope& rope, std::uint32_t count, std::span<Cursor> cursors = {});

    /// Drops everything.
    void clear(Rope& rope);

    /// One more reference to a slice's chunk, for it to be put into another rope.
    void retain_chunk(const Slice& slice);

    /// The first slice of a rope that is not empty.
    [[nodiscard]] const Slice& front(const Rope& rope) const { return nodes_[rope.head].slice; }

    /// Moves a cursor on by `count` bytes.
    [[nodiscard]] Cursor advanced(const Rope& rope, Cursor cursor, std::uint32_t count) const;

    /// Calls `use(Slice)` for each piece of the `count` bytes from `cursor` on.
    template <class F>
    void for_each(const Rope& rope, Cursor cursor, std::uint32_t count, F&& use) const {
        while (count > 0) {
            cursor = normalized(rope, cursor);
            const Slice rest = nodes_[cursor.node].slice.without_first(cursor.offset);
            const Slice piece = rest.first(rest.length < count ? rest.length : count);
            use(piece);
            count -= piece.length;
            cursor.offset += piece.length;
        }
    }

    /// Memory that a slice pins, in bytes: what a budget must be charged for it.
    [[nodiscard]] std::uint32_t charge(const Slice& slice) const {
        switch (slice.owner) {
        case OwnerKind::packet:
            return limits_.packet_bytes;
        case OwnerKind::chunk:
            return sizeof(Chunk);
        case OwnerKind::nobody:
        case OwnerKind::store:
            return 0;
        }
        return 0;
    }

    /// Hands every owner released since the last call to `release(Slice)`.
    template <class F>
    void take_released(F&& release) {
        while (released_ != Pool<Node>::none) {
            const std::uint32_t index = released_;
            released_ = nodes_[index].next;
            release(nodes_[index].slice);
            nodes_.release(index);
        }
    }

    [[nodiscard]] bool has_released() const { return released_ != Pool<Node>::none; }

    /// True while a good part of the memory is taken: buffers do not grow, and windows open no
    /// further than it takes to go on (Linux: tcp_mem's pressure).
    [[nodiscard]] bool under_pressure() const {
        const auto scarce = [](std::uint32_t used, std::uint32_t all) {
            return all > 0 && 4 * std::uint64_t{used} >= 3 * std::uint64_t{all};
        };
        return scarce(chunks_.in_use(), chunks_.capacity()) ||
               scarce(nodes_.in_use(), nodes_.capacity()) || scarce(packets_held_, limits_.packets);
    }

    /// True while queues hold as many packets as they may: what must be kept has to be copied.
    [[nodiscard]] bool packets_are_scarce() const { return packets_held_ >= limits_.packets; }
    [[nodiscard]] std::uint32_t packets_held() const { return packets_held_; }

    /// One node, with the caller's reference to the slice's owner; `none` when the pool is dry, or
    /// packets are scarce and it is one of them.
    [[nodiscard]] std::uint32_t make_node(const Slice& slice, wire::SeqNum seq);

    /// Gives a node back and drops its reference.
    void drop_node(std::uint32_t index);

    /// Appends a node that is not in any rope.
    void append_node(Rope& rope, std::uint32_t index);

    [[nodiscard]] Node& node(std::uint32_t index) { return nodes_[index]; }
    [[nodiscard]] const Node& node(std::uint32_t index) const { return nodes_[index]; }
    [[nodiscard]] const Pool<Node>& nodes() const { return nodes_; }
    [[nodiscard]] const Pool<Chunk>& chunks() const { return chunks_; }
    [[nodiscard]] const Limits& limits() const { return limits_; }

  private:
    [[nodiscard]] Cursor normalized(const Rope& rope, Cursor cursor) const;
    [[nodiscard]] std::uint32_t room_in_last_chunk(const Rope& rope) const;
    [[nodiscard]] bool append_chunk(Rope& rope);
    void drop_chunk_reference(std::uint32_t chunk);

    Limits limits_;
    Pool<Node> nodes_;
    Pool<Chunk> chunks_;
    std::uint32_t released_ = Pool<Node>::none; ///< Nodes whose owners wait to be told.
    std::uint32_t packets_held_ = 0;            ///< Slices of packets in queues.
};

} // namespace millrace::tcp
