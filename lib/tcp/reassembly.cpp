#include "tcp/reassembly.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SackBlock;
using wire::SeqNum;

namespace {

constexpr std::uint32_t none = Pool<Node>::none;
constexpr std::uint32_t steps_max = 1024; // Of full segments, more than a megabyte.

SeqNum end_of(const Node& node) {
    return node.seq + node.slice.length;
}

} // namespace

void Reassembly::link(Buffers& buffers, std::uint32_t previous, std::uint32_t index) {
    std::uint32_t& forward = previous == none ? head_ : buffers.node(previous).next;
    buffers.node(index).next = forward;
    forward = index;
    if (tail_ == previous) {
        tail_ = index;
    }
}

std::uint32_t Reassembly::next_of(const Buffers& buffers, std::uint32_t index) const {
    return index == none ? head_ : buffers.node(index).next;
}

/// The last node that begins at or before `seq`. Most segments come behind all that is kept, or
/// where the last one came; then the walk is short.
Reassembly::Place Reassembly::find(const Buffers& buffers, SeqNum seq) const {
    Place place{none, seq};
    std::uint32_t steps = 0;
    if (tail_ != none && seq >= buffers.node(tail_).seq) {
        place = {tail_, tail_left_};
    } else if (last_ != none && seq >= buffers.node(last_).seq) {
        place = {last_, blocks_[0].left};
    }
    for (std::uint32_t next = next_of(buffers, place.previous);
         next != none && buffers.node(next).seq <= seq; next = next_of(buffers, next)) {
        if (++steps > steps_max) {
            place.found = false;
            return place;
        }
        const SeqNum left = buffers.node(next).seq;
        if (place.previous == none || end_of(buffers.node(place.previous)) != left) {
            place.run_left = left;
        }
        place.previous = next;
    }
    if (place.previous == none || end_of(buffers.node(place.previous)) < seq) {
        place.run_left = seq;
    }
    return place;
}

/// The right edge of the run that the node lies in, or of as much of it as a walk may be long.
SeqNum Reassembly::run_right(const Buffers& buffers, std::uint32_t index) const {
    SeqNum right = end_of(buffers.node(index));
    for (std::uint8_t i = 0; i < block_count_; ++i) {
        if (blocks_[i].left <= right && right <= blocks_[i].right) {
            return blocks_[i].right;
        }
    }
    std::uint32_t steps = 0;
    for (std::uint32_t next = next_of(buffers, index);
         next != none && buffers.node(next).seq == right && steps < steps_max;
         next = next_of(buffers, next)) {
        right = end_of(buffers.node(next));
        ++steps;
    }
    return right;
}

Reassembly::Inserted Reassembly::insert(Buffers& buffers, const Slice& text, SeqNum seq,
                                        std::uint32_t budget_bytes) {
    const SeqNum end = seq + text.length;
    const std::uint32_t charge = buffers.charge(text);
    Inserted result;
    auto [previous, run_left, found] = find(buffers, seq);
    if (!found) {
        return result;
    }
    SeqNum at = previous == none ? seq : later(seq, end_of(buffers.node(previous)));
    while (at < end) {
        const std::uint32_t next = next_of(buffers, previous);
        if (next != none && buffers.node(next).seq == at) {
            previous = next;
            at = end_of(buffers.node(next));
            continue;
        }
        if (charge_ + charge > budget_bytes) {
            break;
        }
        const SeqNum stop = next == none ? end : earlier(end, buffers.node(next).seq);
        const auto offset = static_cast<std::uint32_t>(at - seq);
        const auto length = static_cast<std::uint32_t>(stop - at);
        const std::uint32_t index = buffers.make_node(text.without_first(offset).first(length), at);
        if (index == none) {
            break;
        }
        link(buffers, previous, index);
        charge_ += charge;
        ++result.references;
        previous = index;
        at = stop;
    }
    if (at > seq) {
        const SackBlock run{run_left, run_right(buffers, previous)};
        if (run.right == end_of(buffers.node(tail_))) {
            tail_left_ = run.left;
        }
        last_ = previous;
        remember(run);
    }
    result.is_all_here = at >= end;
    return result;
}

void Reassembly::remember(SackBlock run) {
    // Runs that have become part of the new one go; it stands first.
    std::array<SackBlock, 4> kept;
    std::uint8_t count = 0;
    for (std::uint8_t i = 0; i < block_count_; ++i) {
        if (blocks_[i].left < run.left || blocks_[i].left > run.right) {
            kept[count++] = blocks_[i];
        }
    }
    blocks_[0] = run;
    block_count_ = 1;
    for (std::uint8_t i = 0; i < count && block_count_ < blocks_.size(); ++i) {
        blocks_[block_count_++] = kept[i];
    }
}

void Reassembly::note_fin(SeqNum seq) {
    fin_ = seq;
    has_fin_ = true;
}

void Reassembly::unlink_first(Buffers& buffers) {
    const Node& first = buffers.node(head_);
    if (last_ == head_) {
        last_ = none;
    }
    charge_ -= buffers.charge(first.slice);
    head_ = first.next;
    if (head_ == none) {
        tail_ = none;
    }
}

std::uint32_t Reassembly::take_next(Buffers& buffers, SeqNum next) {
    while (head_ != none) {
        const std::uint32_t index = head_;
        Node& node = buffers.node(index);
        if (node.seq > next) {
            break;
        }
        unlink_first(buffers);
        if (end_of(node) > next) {
            const auto covered = static_cast<std::uint32_t>(next - node.seq);
            node.slice = node.slice.without_first(covered);
            node.seq = next;
            return index;
        }
        buffers.drop_node(index);
    }
    const auto passed = [next](const SackBlock& block) { return block.left <= next; };
    const auto last = std::remove_if(blocks_.begin(), blocks_.begin() + block_count_, passed);
    block_count_ = static_cast<std::uint8_t>(last - blocks_.begin());
    has_fin_ = has_fin_ && fin_ >= next;
    return none;
}

std::uint8_t Reassembly::blocks(std::span<SackBlock, 4> out) const {
    std::copy_n(blocks_.begin(), block_count_, out.begin());
    return block_count_;
}

void Reassembly::clear(Buffers& buffers) {
    while (head_ != none) {
        const std::uint32_t index = head_;
        head_ = buffers.node(index).next;
        buffers.drop_node(index);
    }
    reset();
}

} // namespace millrace::tcp
