#include "internal.hpp"

#include <algorithm>

namespace millrace::tcp {

using wire::Drop;
using wire::SeqNum;

namespace {

/// Memory that received data may pin: twice the window, as a packet may pin twice the memory that
/// its payload takes, and for data in order a quarter more, so that what came out of order can
/// never keep out the segment that it waits for.
std::uint32_t memory_limit(const Tcb& tcb, const Context& context) {
    return 2 * receive_buffer(tcb, context);
}
std::uint32_t memory_limit_in_order(const Tcb& tcb, const Context& context) {
    return memory_limit(tcb, context) + memory_limit(tcb, context) / 4;
}

std::uint32_t memory_left(const Tcb& tcb, const Context& context, std::uint32_t limit) {
    std::uint32_t charged = tcb.receive_charge;
    if (tcb.reassembly != Pool<Reassembly>::none) {
        charged += context.reassemblies[tcb.reassembly].charge();
    }
    return limit - std::min(limit, charged);
}

/// True for a slice that is better copied: it pins far more memory than it has bytes, or a packet
/// when those are scarce.
bool is_wasteful(const Buffers& buffers, const Slice& text) {
    return text.owner == OwnerKind::packet &&
           (text.length < buffers.charge(text) / 2 || buffers.packets_are_scarce());
}

/// Appends text to what is unread, within the budget; says how many of its bytes, from the front.
std::uint32_t keep(Tcb& tcb, const Slice& text, Context& context, std::uint32_t& references) {
    Buffers& buffers = context.buffers;
    const std::uint32_t budget = memory_left(tcb, context, memory_limit_in_order(tcb, context));
    std::uint32_t copied = 0;
    if (is_wasteful(buffers, text) && buffers.copy_charge(tcb.unread, text.length) <= budget) {
        copied = buffers.append_copy(tcb.unread, text.bytes(), tcb.receive_charge);
    }
    const Slice rest = text.without_first(copied);
    if (rest.length == 0 || buffers.charge(rest) > budget || !buffers.append(tcb.unread, rest)) {
        return copied;
    }
    tcb.receive_charge += buffers.charge(rest);
    ++references;
    return text.length;
}

/// Moves a node that had come out of order to what is unread.
void keep_node(Tcb& tcb, std::uint32_t index, Buffers& buffers) {
    Slice& slice = buffers.node(index).slice;
    if (is_wasteful(buffers, slice)) {
        const std::uint32_t copied =
            buffers.append_copy(tcb.unread, slice.bytes(), tcb.receive_charge);
        slice = slice.without_first(copied);
        if (slice.length == 0) {
            buffers.drop_node(index);
            return;
        }
    }
    tcb.receive_charge += buffers.charge(slice);
    buffers.append_node(tcb.unread, index);
}

Reassembly* reassembly_of(Tcb& tcb, Context& context) {
    return tcb.reassembly == Pool<Reassembly>::none ? nullptr
                                                    : &context.reassemblies[tcb.reassembly];
}

void drop_reassembly(Tcb& tcb, Context& context) {
    context.reassemblies.release(tcb.reassembly);
    tcb.reassembly = Pool<Reassembly>::none;
}

/// The next bytes of the stream are ours, and no other segment's.
void take_bytes(Tcb& tcb, std::uint32_t count, Context& context) {
    tcb.rcv.nxt += count;
    context.counters.add(Counter::bytes_received, count);
}

void receive_fin(Tcb& tcb, std::uint8_t& events) {
    tcb.rcv.nxt += 1;
    tcb.rcv.edge = later(tcb.rcv.edge, tcb.rcv.nxt);
    tcb.state = after_fin_received(tcb.state);
    tcb.fin_received = true;
    tcb.ack_now = true;
    events |= event::end_of_stream;
}

/// Moves what had come out of order behind what is now in order; takes a FIN noted earlier.
void join_out_of_order(Tcb& tcb, Context& context, std::uint8_t& events) {
    Reassembly* const reassembly = reassembly_of(tcb, context);
    if (reassembly == nullptr) {
        return;
    }
    tcb.ack_now = true; // A gap closes, or stays open (RFC 5681 §4.2).
    Buffers& buffers = context.buffers;
    while (may_receive(tcb.state)) { // Behind a FIN there is nothing, whatever has come before it.
        const std::uint32_t index = reassembly->take_next(buffers, tcb.rcv.nxt);
        if (index == Pool<Node>::none) {
            break;
        }
        take_bytes(tcb, buffers.node(index).slice.length, context);
        keep_node(tcb, index, buffers);
    }
    if (may_receive(tcb.state) && reassembly->fin_at(tcb.rcv.nxt)) {
        receive_fin(tcb, events);
    }
    if (reassembly->empty() || !may_receive(tcb.state)) {
        reassembly->clear(buffers);
        drop_reassembly(tcb, context);
    }
}

/// Two full segments have come since the last acknowledgement (RFC 9293 MUST-59, RFC 5681 §4.2).
bool two_segments_unacknowledged(const Tcb& tcb) {
    return tcb.rcv.nxt - tcb.rcv.acked >= 2 * std::int32_t{tcb.rcv_mss};
}

/// Memory that data out of order may pin. Under pressure it is a few segments', or those who send
/// their data in tiny ones would have the others' dropped.
std::uint32_t out_of_order_budget(const Tcb& tcb, const Reassembly& reassembly,
                                  const Context& context) {
    constexpr std::uint32_t segments_under_pressure = 4; // As of the window then.
    const std::uint32_t all = receive_budget(tcb, context) + reassembly.charge();
    return context.buffers.under_pressure()
               ? std::min(all, segments_under_pressure * context.buffers.limits().packet_bytes)
               : all;
}

void accept_out_of_order(Tcb& tcb, SeqNum seq, const Slice& text, bool fin, Instant now,
                         Context& context, Arrival& arrival) {
    if (tcb.reassembly == Pool<Reassembly>::none) {
        tcb.reassembly = context.reassemblies.allocate();
        if (tcb.reassembly == Pool<Reassembly>::none) {
            emit_ack(tcb, now, context);
            arrival.drop = Drop::tcp_out_of_order_budget;
            return;
        }
        context.reassemblies[tcb.reassembly].reset();
    }
    Reassembly& reassembly = context.reassemblies[tcb.reassembly];
    if (text.length > 0) {
        const Reassembly::Inserted inserted = reassembly.insert(
            context.buffers, text, seq, out_of_order_budget(tcb, reassembly, context));
        arrival.references += inserted.references;
        context.counters.add(Counter::out_of_order_segments, inserted.references > 0 ? 1 : 0);
        if (inserted.references == 0) {
            arrival.drop =
                inserted.is_all_here ? Drop::tcp_old_duplicate : Drop::tcp_out_of_order_budget;
        }
    }
    if (fin) {
        reassembly.note_fin(seq + text.length);
    }
    if (reassembly.empty()) {
        drop_reassembly(tcb, context);
        arrival.drop = Drop::tcp_out_of_order_budget;
    }
    // Each one at once, so that the peer counts its duplicates.
    context.counters.add(Counter::duplicate_acks_sent);
    if (arrival.drop == Drop::tcp_old_duplicate) {
        emit_ack_of_duplicate(tcb, {seq, seq + text.length}, now, context);
    } else {
        emit_ack(tcb, now, context);
    }
}

} // namespace

std::uint32_t receive_budget(const Tcb& tcb, const Context& context) {
    return memory_left(tcb, context, memory_limit(tcb, context));
}

void accept_text(Tcb& tcb, SeqNum seq, const Slice& text, bool fin, Instant now, Context& context,
                 Arrival& arrival) {
    if (!may_receive(tcb.state)) {
        arrival.drop = Drop::tcp_after_fin;
        return;
    }
    if (text.length > 0) {
        const auto length = std::min<std::uint32_t>(text.length, UINT16_MAX);
        tcb.rcv_mss = static_cast<std::uint16_t>(std::max<std::uint32_t>(tcb.rcv_mss, length));
    }
    if (seq != tcb.rcv.nxt) {
        accept_out_of_order(tcb, seq, text, fin, now, context, arrival);
        return;
    }
    if (text.length > 0 && two_segments_unacknowledged(tcb)) {
        emit_ack(tcb, now, context); // Before the burst ends: one ACK for every two full segments.
    }
    arrival.text = text;
    arrival.fin = fin;
}

void take_text(Tcb& tcb, Arrival& arrival, std::uint32_t used, Context& context) {
    // The user may have ended the connection while it looked at the text.
    if (!may_receive(tcb.state)) {
        return;
    }
    if (tcb.user_gone && arrival.text.length > used) {
        abort(tcb, context);
        arrival.events |= event::aborted;
        return;
    }
    MILLRACE_ASSERT(used == 0 || tcb.unread.empty());
    const Slice rest = arrival.text.without_first(used);
    const std::uint32_t kept = rest.length > 0 ? keep(tcb, rest, context, arrival.references) : 0;
    take_bytes(tcb, used + kept, context);
    if (kept < rest.length) {
        arrival.drop = Drop::tcp_receive_budget;
        tcb.ack_now = true;
    } else if (arrival.text.length > 0) {
        tcb.ack_delayed = true;
    }
    if (arrival.fin && kept == rest.length) {
        receive_fin(tcb, arrival.events);
    }
    join_out_of_order(tcb, context, arrival.events);
    if (two_segments_unacknowledged(tcb)) {
        tcb.ack_now = true;
    }
}

Slice unread(const Tcb& tcb, const Context& context) {
    return tcb.unread.empty() ? Slice{} : context.buffers.front(tcb.unread);
}

void consume(Tcb& tcb, std::uint32_t count, Context& context) {
    tcb.receive_charge -= context.buffers.drop_front(tcb.unread, count);
    tcb.window_update = tcb.window_update || count > 0;
}

} // namespace millrace::tcp
