#include "tcp/state.hpp"

namespace millrace::tcp {

std::string_view name(State state) {
    switch (state) {
    case State::closed:
        return "CLOSED";
    case State::listen:
        return "LISTEN";
    case State::syn_sent:
        return "SYN-SENT";
    case State::syn_received:
        return "SYN-RECEIVED";
    case State::established:
        return "ESTABLISHED";
    case State::fin_wait_1:
        return "FIN-WAIT-1";
    case State::fin_wait_2:
        return "FIN-WAIT-2";
    case State::close_wait:
        return "CLOSE-WAIT";
    case State::closing:
        return "CLOSING";
    case State::last_ack:
        return "LAST-ACK";
    case State::time_wait:
        return "TIME-WAIT";
    }
    return "?";
}

State after_close(State state) {
    switch (state) {
    case State::established:
        return State::fin_wait_1;
    case State::close_wait:
        return State::last_ack;
    case State::syn_sent:
    case State::syn_received:
        return state; // The FIN waits for the handshake.
    case State::closed:
    case State::listen:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::closing:
    case State::last_ack:
    case State::time_wait:
        return state;
    }
    return state;
}

State after_fin_received(State state) {
    switch (state) {
    case State::established:
        return State::close_wait;
    case State::fin_wait_1:
        return State::closing;
    case State::fin_wait_2:
        return State::time_wait;
    case State::closed:
    case State::listen:
    case State::syn_sent:
    case State::syn_received: // Its ACK makes it ESTABLISHED before its FIN is looked at.
    case State::close_wait:
    case State::closing:
    case State::last_ack:
    case State::time_wait:
        return state;
    }
    return state;
}

State after_fin_acknowledged(State state) {
    switch (state) {
    case State::fin_wait_1:
        return State::fin_wait_2;
    case State::closing:
        return State::time_wait;
    case State::last_ack:
        return State::closed;
    case State::closed:
    case State::listen:
    case State::syn_sent:
    case State::syn_received:
    case State::established:
    case State::fin_wait_2:
    case State::close_wait:
    case State::time_wait:
        return state;
    }
    return state;
}

} // namespace millrace::tcp
