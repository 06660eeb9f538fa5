#include "tcp/reassembly.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::SackBlock;
using wire::SeqNum;

namespace {

constexpr std::uint32_t none = Pool<Node>::none;

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

std::uint32_t Reassembly::insert(Buffers& buffers, const Slice& text, SeqNum seq,
                                 std::uint32_t budget_bytes) {
    const SeqNum end = seq + text.length;
    const std::uint32_t charge = buffers.charge(text);
    std::uint32_t references = 0;
    SackBlock run{seq, end};

    // Most segments come behind all that is kept; then the walk is spared.
    const bool behind_all = tail_ != none && seq >= end_of(buffers.node(tail_));
    std::uint32_t previous = behind_all ? tail_ : none;
    SeqNum at = seq;
    while (at < end) {
        const std::uint32_t next = previous == none ? head_ : buffers.node(previous).next;
        if (next != none && buffers.node(next).seq <= at) {
            at = later(at, end_of(buffers.node(next)));
            previous = next;
            continue;
        }
        const SeqNum stop = next == none ? end : earlier(end, buffers.node(next).seq);
        if (charge_ + charge > budget_bytes) {
            run.right = at;
            break;
        }
        const auto offset = static_cast<std::uint32_t>(at - seq);
        const auto length = static_cast<std::uint32_t>(stop - at);
        const std::uint32_t index = buffers.make_node(text.without_first(offset).first(length), at);
        if (index == none) {
            run.right = at;
            break;
        }
        link(buffers, previous, index);
        charge_ += charge;
        ++references;
        previous = index;
        at = stop;
    }
    if (run.left < run.right) {
        remember(run);
    }
    return references;
}

void Reassembly::remember(SackBlock run) {
    // Runs that touch the new one become part of it, and it moves to the front.
    std::array<SackBlock, 4> kept;
    std::uint8_t count = 0;
    for (std::uint8_t i = 0; i < block_count_; ++i) {
        const SackBlock& block = blocks_[i];
        if (block.left <= run.right && run.left <= block.right) {
            run = SackBlock{earlier(run.left, block.left), later(run.right, block.right)};
        } else if (count < kept.size()) {
            kept[count++] = block;
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
