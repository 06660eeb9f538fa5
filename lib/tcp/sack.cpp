#include "internal.hpp"
#include "recovery.hpp"
#include "tcp/clock.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace millrace::tcp {

using wire::SackBlock;
using wire::SeqNum;
using wire::TcpSegment;

namespace {

constexpr std::uint32_t none = SentRecord::none;

/// Cuts the record to what `block` has of it; the record that then lies within the block, or `none`
/// when that cannot be (it stays unacknowledged: at worst it is sent again).
std::uint32_t within(Flight& flight, Flights& flights, std::uint32_t index,
                     const SackBlock& block) {
    if (flights.record(index).left < block.left) {
        index = flights.split(flight, index, block.left);
    }
    if (index != none && flights.record(index).right > block.right &&
        flights.split(flight, index, block.right) == none) {
        return none;
    }
    return index;
}

/// Records that one acknowledgement may make us look at in vain. What a peer tells of lies near
/// what it told of before, or near the head; one that jumps about is not followed (CVE-2019-11478's
/// kin).
constexpr std::uint32_t steps_max = 1024;

/// A walk along records that remembers runs of what has arrived, so that none is walked along
/// twice.
class Walk {
  public:
    explicit Walk(Flights& flights) : flights_{flights} {}

    /// The record has not arrived.
    void passes() { run_ = none; }

    /// The record has arrived; the last that is known to have of those that follow it.
    std::uint32_t passes_arrived(std::uint32_t index) {
        const std::uint32_t known = flights_.record(index).older;
        const std::uint32_t end = known != none && flights_.record(known).sacked ? known : index;
        run_ = run_ == none ? index : run_;
        if (run_ != end) {
            flights_.record(run_).older = end;
        }
        return end;
    }

  private:
    Flights& flights_;
    std::uint32_t run_ = none; ///< Where the present run begins.
};

/// Marks what the block tells of. False when it was too far away.
bool take_block(Tcb& tcb, Flight& flight, const SackBlock& block, Instant now, Flights& flights,
                std::uint32_t& steps, Delivery& news) {
    std::uint32_t index = flight.sack_at;
    if (index == none || flights.record(index).left > block.left) {
        index = flight.head;
    }
    Walk walk{flights};
    while (index != none && flights.record(index).left < block.right) {
        const std::uint32_t next = flights.record(index).next;
        if (flights.record(index).left <= block.left) {
            flight.sack_at = index;
        }
        if (flights.record(index).sacked) {
            index = flights.record(walk.passes_arrived(index)).next;
            continue;
        }
        const bool told_of = flights.record(index).right > block.left;
        const std::uint32_t inside = told_of ? within(flight, flights, index, block) : none;
        if (inside != none) {
            note_delivered(tcb, flight, flights.record(inside), now, news);
            flights.mark_sacked(flight, inside);
            if (inside != index) {
                walk.passes(); // Its front has not.
            }
            static_cast<void>(walk.passes_arrived(inside));
            news.sacked = true;
        } else if (++steps > steps_max) {
            return false;
        } else {
            walk.passes();
        }
        index = next;
    }
    return true;
}

/// A peer that reports as a duplicate what we sent twice: that repair was not needed (RFC 2883,
/// RFC 3708). Reports of more than was repaired count for nothing.
void take_dsack(Tcb& tcb, Flight& flight, const SackBlock& block, Instant now, Context& context,
                Delivery& news) {
    context.counters.add(Counter::duplicates_reported);
    news.duplicate = true;
    rack_duplicate(tcb, flight);
    if (flight.undoable && block.left < block.right && block.left >= flight.undo_from &&
        block.right <= flight.recover) {
        const auto length = static_cast<std::uint32_t>(block.right - block.left);
        const bool had_some = flight.undo_retransmits > 0;
        flight.undo_retransmits -= std::min(flight.undo_retransmits, length);
        if (had_some && flight.undo_retransmits == 0) {
            undo(tcb, flight, now, context);
        }
    }
}

using OrderedBlocks = std::array<SackBlock, 4>;

/// The blocks by how far they begin behind `una`.
OrderedBlocks in_order(std::span<const SackBlock> blocks, SeqNum una) {
    const auto ahead = [una](const SackBlock& block) {
        return static_cast<std::uint32_t>(block.left - una);
    };
    OrderedBlocks ordered;
    for (std::size_t count = 0; count < blocks.size(); ++count) {
        std::size_t at = count;
        for (; at > 0 && ahead(ordered[at - 1]) > ahead(blocks[count]); --at) {
            ordered[at] = ordered[at - 1];
        }
        ordered[at] = blocks[count];
    }
    return ordered;
}

bool is_plausible(const Tcb& tcb, const SackBlock& block) {
    return block.left < block.right && block.left >= tcb.snd.una && block.right <= tcb.snd.nxt;
}

} // namespace

bool has_dsack(const TcpSegment& segment) {
    const wire::TcpOptions& options = segment.options;
    if (options.sack_count == 0) {
        return false;
    }
    const SackBlock& first = options.sack[0];
    return first.left < segment.ack ||
           (options.sack_count > 1 && first.left >= options.sack[1].left &&
            first.right <= options.sack[1].right);
}

void note_delivered(Tcb& tcb, Flight& flight, const SentRecord& record, Instant now,
                    Delivery& news) {
    news.delivered += record.length();
    news.repeated = news.repeated || record.repeated;
    if (!record.repeated) {
        const std::uint32_t rtt_us = round_trip_us(now - record.sent);
        tcb.rtt.note_minimum(rtt_us, timestamp_clock(now));
        news.oldest_rtt_us = std::max(news.oldest_rtt_us, rtt_us);
        news.newest_rtt_us =
            news.newest_rtt_us == 0 ? rtt_us : std::min(news.newest_rtt_us, rtt_us);
        news.original = news.original || record.right <= flight.recover;
    }
    if (tcb.sack) {
        rack_delivered(tcb, flight, record, now);
    }
}

void take_sack(Tcb& tcb, Flight& flight, const TcpSegment& segment, SeqNum prior_una, Instant now,
               Context& context, Delivery& news) {
    const auto blocks = std::span{segment.options.sack}.first(segment.options.sack_count);
    const bool dsack = has_dsack(segment);
    if (dsack && blocks[0].left >= prior_una - tcb.snd.wnd_max) {
        take_dsack(tcb, flight, blocks[0], now, context, news);
    }
    // In the stream's order, or one told of late would look as if it had been overtaken.
    const auto rest = blocks.subspan(dsack ? 1 : 0);
    const OrderedBlocks ordered = in_order(rest, tcb.snd.una);
    std::uint32_t steps = 0;
    for (const SackBlock& block : std::span{ordered}.first(rest.size())) {
        const bool seen = std::ranges::find(flight.seen_blocks, block) != flight.seen_blocks.end();
        if (!seen && is_plausible(tcb, block) &&
            !take_block(tcb, flight, block, now, context.flights, steps, news)) {
            flight.seen_blocks = {};
            return;
        }
    }
    flight.seen_blocks = {};
    std::ranges::copy(blocks, flight.seen_blocks.begin());
}

} // namespace millrace::tcp
