#include "recovery.hpp"

namespace millrace::tcp {

void forward_rto(Tcb& tcb, Flight& flight, const Delivery& news, Instant now, Context& context) {
    flight.frto_new_data = false;
    // Without SACK, what is acknowledged together with a repair may have arrived long before it.
    if (news.original && (tcb.sack || !news.repeated)) {
        undo(tcb, flight, now, context); // Step 3b.
        return;
    }
    if (tcb.snd.nxt > flight.recover) {
        if (news.sacked || news.duplicate_ack) {
            flight.frto = false; // Step 3a: the losses were real.
        }
    } else if (news.acked > 0) {
        // Step 2b, when there is new data, and the window takes it; else RFC 5681.
        const bool has_new =
            tcb.queue_end() > tcb.snd.nxt && tcb.snd.una + tcb.snd.wnd > tcb.snd.nxt;
        flight.recover = tcb.snd.nxt;
        flight.frto = flight.frto_new_data = has_new;
    } else if (news.duplicate_ack || news.sacked) {
        flight.frto = false; // Step 2a.
    }
}

} // namespace millrace::tcp
