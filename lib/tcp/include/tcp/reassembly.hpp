#pragma once

#include "tcp/buffers.hpp"
#include "wire/tcp.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace millrace::tcp {

/// What a connection keeps of data that came out of order. Pooled: a connection has one only while
/// there is a gap.
///
/// The nodes form a list in sequence order whose pieces never overlap; of two segments that cover
/// the same byte, the first to arrive is believed.
class Reassembly {
  public:
    /// Forgets everything; a reused slot must be reset before its first use.
    void reset() { *this = Reassembly{}; }

    struct Inserted {
        std::uint32_t references = 0; ///< To the slice's owner, taken.
        bool is_all_here = false;     ///< Nothing of the text is missing now.
    };

    /// Keeps the parts of `text` that are not here yet. What would pin more than `budget_bytes` in
    /// all is left out, and so is what has its place too far from any that is known: a peer could
    /// make each of its segments a long walk (the peer sends it again).
    [[nodiscard]] Inserted insert(Buffers& buffers, const Slice& text, wire::SeqNum seq,
                                  std::uint32_t budget_bytes);

    /// Notes the sequence number of a FIN that came early.
    void note_fin(wire::SeqNum seq);

    /// The first node when it now begins at or before `next`, taken off the list and cut so that it
    /// begins at `next`; `Pool<Node>::none` when there is a gap before it. Nodes that end at or
    /// before `next` are dropped.
    [[nodiscard]] std::uint32_t take_next(Buffers& buffers, wire::SeqNum next);

    /// True when a FIN noted earlier stands at `next`.
    [[nodiscard]] bool fin_at(wire::SeqNum next) const { return has_fin_ && fin_ == next; }

    /// True when nothing is kept.
    [[nodiscard]] bool empty() const { return head_ == Pool<Node>::none && !has_fin_; }

    /// SACK blocks, the one with the latest arrival first (RFC 2018 §4); says how many.
    [[nodiscard]] std::uint8_t blocks(std::span<wire::SackBlock, 4> out) const;

    /// Memory that is pinned, in bytes.
    [[nodiscard]] std::uint32_t charge() const { return charge_; }

    /// Drops everything.
    void clear(Buffers& buffers);

  private:
    /// Where in the list something is: behind a node (or `none`, before the first), whose run of
    /// bytes begins at `run_left`.
    struct Place {
        std::uint32_t previous = Pool<Node>::none;
        wire::SeqNum run_left;
        bool found = true; ///< Or the walk was too long.
    };

    [[nodiscard]] Place find(const Buffers& buffers, wire::SeqNum seq) const;
    [[nodiscard]] std::uint32_t next_of(const Buffers& buffers, std::uint32_t index) const;
    [[nodiscard]] wire::SeqNum run_right(const Buffers& buffers, std::uint32_t index) const;
    void remember(wire::SackBlock run);
    void link(Buffers& buffers, std::uint32_t previous, std::uint32_t index);
    void unlink_first(Buffers& buffers);

    std::uint32_t head_ = Pool<Node>::none;
    std::uint32_t tail_ = Pool<Node>::none;
    std::uint32_t charge_ = 0;
    /// Where the last search ended, in the run of `blocks_[0]`: the next one is likely to begin
    /// there.
    std::uint32_t last_ = Pool<Node>::none;
    wire::SeqNum tail_left_; ///< Left edge of the run that `tail_` ends.
    wire::SeqNum fin_;
    bool has_fin_ = false;
    std::uint8_t block_count_ = 0;
    /// Runs of kept bytes, whole, the latest to grow first; older ones may be missing here.
    std::array<wire::SackBlock, 4> blocks_;
};

static_assert(sizeof(Reassembly) <= 64, "one cache line");

} // namespace millrace::tcp
