#include "sockets.hpp"

#include "host.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::script {

namespace {

std::uint32_t number(const std::string& text, unsigned line) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw Failure{line, "\"" + text + "\" is no number"};
    }
    return value;
}

const std::string& argument(const Call& call, std::size_t index, unsigned line) {
    if (index >= call.arguments.size()) {
        throw Failure{line, call.name + "() wants more arguments"};
    }
    return call.arguments[index];
}

bool is_on(const std::string& value) {
    return value.find('0') == std::string::npos;
}

} // namespace

// --------------------------------------------------------------------------- the service's side

std::uint32_t ScriptService::receive(stack::Socket& socket, const Slice& text) {
    return sockets->receive(socket, text);
}

bool ScriptService::admits() {
    return sockets->admits();
}

void ScriptService::on(stack::Socket& socket, stack::SocketEvent event) {
    sockets->on(socket, event);
}

Sockets::Endpoint* Sockets::connection(const stack::Socket& socket) {
    const Ports ports{socket.origin().local_port, socket.origin().remote_port};
    const auto found = std::ranges::find_if(endpoints_, [&](const auto& endpoint) {
        return (endpoint->phase == Phase::open || endpoint->phase == Phase::connecting) &&
               endpoint->ports == ports;
    });
    return found == endpoints_.end() ? nullptr : found->get();
}

std::uint32_t Sockets::receive(stack::Socket& socket, const Slice& text) {
    Endpoint* const endpoint = connection(socket);
    if (endpoint == nullptr) {
        return 0;
    }
    const std::uint32_t count = std::min(endpoint->wanted, text.length);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (text.data[i] != text_at(endpoint->read_at.value() + i)) {
            throw std::runtime_error{"the text that is read is not what the peer sent"};
        }
    }
    endpoint->read_at += count;
    endpoint->wanted -= count;
    return count;
}

void Sockets::on(stack::Socket& socket, stack::SocketEvent event) {
    if (event == stack::SocketEvent::opened) {
        opened(socket);
        return;
    }
    Endpoint* const endpoint = connection(socket);
    if (endpoint == nullptr) {
        return;
    }
    switch (event) {
    case stack::SocketEvent::end_of_stream:
        endpoint->end_of_stream = true;
        return;
    case stack::SocketEvent::closed:
    case stack::SocketEvent::failed:
        ended(*endpoint, socket.end_reason());
        return;
    case stack::SocketEvent::drain:
    case stack::SocketEvent::opened:
    case stack::SocketEvent::writable:
    case stack::SocketEvent::deadline:
        return;
    }
}

void Sockets::opened(stack::Socket& socket) {
    Endpoint* endpoint = connection(socket);
    if (endpoint == nullptr) {
        endpoints_.push_back(std::make_unique<Endpoint>());
        endpoint = endpoints_.back().get();
        accept_queue_.push_back(endpoint);
    }
    accepting_ = false;
    endpoint->phase = Phase::open;
    endpoint->ports = {socket.origin().local_port, socket.origin().remote_port};
    endpoint->service_state = &socket.state<std::byte>();
    const tcp::Tcb& tcb = host_->tcb(endpoint->service_state);
    // What came while the connection waited in the accept queue has not been read.
    endpoint->read_at =
        tcb.rcv.nxt - tcb.unread.length - (tcp::has_received_fin(tcb.state) ? 1U : 0U);
    endpoint->write_at = tcb.snd.nxt;
}

void Sockets::ended(Endpoint& endpoint, stack::EndReason reason) {
    endpoint.phase = Phase::ended;
    endpoint.service_state = nullptr;
    switch (reason) {
    case stack::EndReason::none:
    case stack::EndReason::aborted:
        endpoint.end_of_stream = true;
        return;
    case stack::EndReason::refused:
        endpoint.error = "ECONNREFUSED";
        return;
    case stack::EndReason::reset:
        endpoint.error = "ECONNRESET";
        return;
    case stack::EndReason::timed_out:
        endpoint.error = "ETIMEDOUT";
        return;
    case stack::EndReason::unreachable:
        endpoint.error = "EHOSTUNREACH";
        return;
    }
}

const tcp::Tcb* Sockets::tcb(const Ports& ports) const {
    const auto found = std::ranges::find_if(endpoints_, [&](const auto& endpoint) {
        return endpoint->phase == Phase::open && endpoint->ports == ports;
    });
    return found == endpoints_.end() ? nullptr : &host_->tcb((*found)->service_state);
}

// --------------------------------------------------------------------------------- the script's

void Sockets::act(const Endpoint& endpoint, const std::function<void(stack::Socket&)>& what) {
    if (!host_->with_socket(endpoint.ports, what)) {
        throw std::runtime_error{"the stack does not know this socket"};
    }
}

Sockets::Endpoint& Sockets::endpoint(const Call& call, unsigned line) {
    const auto descriptor = static_cast<int>(number(argument(call, 0, line), line));
    const auto found = std::ranges::find(endpoints_, descriptor,
                                         [](const auto& endpoint) { return endpoint->descriptor; });
    if (found == endpoints_.end()) {
        throw Failure{line, std::to_string(descriptor) + " is no open descriptor"};
    }
    return **found;
}

int Sockets::free_descriptor() const {
    int descriptor = 3;
    const auto taken = [&](const auto& endpoint) { return endpoint->descriptor == descriptor; };
    while (std::ranges::any_of(endpoints_, taken)) {
        ++descriptor;
    }
    return descriptor;
}

Outcome Sockets::call(const Call& call, unsigned line, bool again) {
    const auto count = [&] { return number(argument(call, 2, line), line); };
    if (call.name == "socket") {
        return make_socket();
    }
    Endpoint& on = endpoint(call, line);
    if (call.name == "bind") {
        on.bound = argument(call, 1, line) == "..."
                       ? Conversations::listening_port
                       : static_cast<std::uint16_t>(number(argument(call, 1, line), line));
        return {};
    }
    if (call.name == "listen") {
        return listen(on);
    }
    if (call.name == "accept") {
        return accept(on);
    }
    if (call.name == "connect") {
        return connect(on, again);
    }
    if (call.name == "read" || call.name == "recv") {
        return read(on, count());
    }
    if (call.name == "write" || call.name == "send" || call.name == "sendto") {
        return write(on, count());
    }
    if (call.name == "shutdown" && argument(call, 1, line) == "SHUT_WR") {
        return shutdown(on);
    }
    if (call.name == "close") {
        return close(on, line);
    }
    if (call.name == "setsockopt") {
        return set_option(on, call, line);
    }
    if (call.name == "getsockopt") {
        return get_option(on, call, line);
    }
    if (call.name == "fcntl" && argument(call, 1, line) == "F_SETFL") {
        on.nonblocking = argument(call, 2, line).find("O_NONBLOCK") != std::string::npos;
        return {};
    }
    throw Failure{line, "the runner does not know this call"};
}

Outcome Sockets::make_socket() {
    auto made = std::make_unique<Endpoint>();
    made->descriptor = free_descriptor();
    endpoints_.push_back(std::move(made));
    return {endpoints_.back()->descriptor, {}, false};
}

Outcome Sockets::listen(Endpoint& endpoint) {
    endpoint.phase = Phase::listening;
    listener_.port = endpoint.bound.value_or(Conversations::listening_port);
    listener_.no_delay = endpoint.no_delay;
    listener_.linger_zero = endpoint.linger_zero;
    host_->listen(listener_);
    return {};
}

Outcome Sockets::accept(Endpoint& listener) {
    if (accept_queue_.empty() && accept_when_called_) {
        accepting_ = true;
        host_->step(host_->now());
    }
    accepting_ = false;
    if (accept_queue_.empty()) {
        return listener.nonblocking ? Outcome::failed("EAGAIN") : Outcome::waiting();
    }
    Endpoint* const accepted = accept_queue_.front();
    accept_queue_.pop_front();
    accepted->descriptor = free_descriptor();
    accepted->no_delay = listener.no_delay; // Linger is the stack's to pass on.
    return {accepted->descriptor, {}, false};
}

Outcome Sockets::connect(Endpoint& endpoint, bool again) {
    if (endpoint.phase == Phase::fresh && !again) {
        endpoint.phase = Phase::connecting;
        endpoint.ports = conversations_.open(endpoint.bound);
        const stack::ConnectResult result = host_->connect(endpoint.ports, endpoint.no_delay);
        if (result != stack::ConnectResult::opening) {
            endpoint.phase = Phase::fresh;
            return Outcome::failed(result == stack::ConnectResult::no_route ? "ENETUNREACH"
                                                                            : "EADDRNOTAVAIL");
        }
        return endpoint.nonblocking ? Outcome::failed("EINPROGRESS") : Outcome::waiting();
    }
    if (endpoint.phase == Phase::ended) {
        return Outcome::failed(std::exchange(endpoint.error, {}));
    }
    return endpoint.phase == Phase::open ? Outcome{} : Outcome::waiting();
}

Outcome Sockets::read(Endpoint& endpoint, std::uint32_t count) {
    if (endpoint.phase == Phase::open) {
        endpoint.wanted = count;
        act(endpoint, [](stack::Socket&) {});
        const std::uint32_t got = count - std::exchange(endpoint.wanted, 0);
        if (got > 0) {
            return {got, {}, false};
        }
    }
    if (!endpoint.error.empty()) {
        return Outcome::failed(std::exchange(endpoint.error, {}));
    }
    if (endpoint.end_of_stream || endpoint.phase == Phase::ended) {
        return {};
    }
    return endpoint.nonblocking ? Outcome::failed("EAGAIN") : Outcome::waiting();
}

Outcome Sockets::write(Endpoint& endpoint, std::uint32_t count) {
    if (!endpoint.error.empty()) {
        return Outcome::failed(std::exchange(endpoint.error, {}));
    }
    if (endpoint.phase != Phase::open || endpoint.sending_ended) {
        return Outcome::failed("EPIPE");
    }
    std::vector<std::byte> text(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        text[i] = text_at(endpoint.write_at.value() + i);
    }
    std::uint32_t taken = 0;
    act(endpoint, [&](stack::Socket& socket) { taken = socket.send_copy(text); });
    endpoint.write_at += taken;
    if (taken == 0) {
        return endpoint.nonblocking ? Outcome::failed("EAGAIN") : Outcome::waiting();
    }
    return {taken, {}, false};
}

Outcome Sockets::shutdown(Endpoint& endpoint) {
    if (endpoint.phase != Phase::open) {
        return Outcome::failed("ENOTCONN");
    }
    endpoint.sending_ended = true;
    act(endpoint, [](stack::Socket& socket) { socket.shutdown(); });
    return {};
}

Outcome Sockets::close(Endpoint& endpoint, unsigned line) {
    if (endpoint.phase == Phase::listening) {
        throw Failure{line, "the stack has no way to close this socket"};
    }
    if (endpoint.phase == Phase::open || endpoint.phase == Phase::connecting) {
        const bool reset = endpoint.linger_zero;
        act(endpoint, [reset](stack::Socket& socket) { reset ? socket.abort() : socket.close(); });
    }
    endpoint.descriptor = -1;
    return {};
}

Outcome Sockets::set_option(Endpoint& endpoint, const Call& call, unsigned line) {
    const std::string& option = argument(call, 2, line);
    const std::string& value = argument(call, 3, line);
    if (option == "SO_REUSEADDR") {
        return {};
    }
    if (option == "TCP_NODELAY") {
        endpoint.no_delay = is_on(value);
        if (endpoint.phase == Phase::open) {
            host_->tcb(endpoint.service_state).no_delay = endpoint.no_delay;
        }
        return {};
    }
    if (option == "TCP_CORK") {
        const bool corked = is_on(value);
        act(endpoint,
            [corked](stack::Socket& socket) { corked ? socket.cork() : socket.uncork(); });
        return {};
    }
    if (option == "SO_LINGER") {
        if (value != "{onoff=1, linger=0}") {
            throw Failure{line, "the stack knows {onoff=1, linger=0} alone"};
        }
        endpoint.linger_zero = true;
        return {};
    }
    throw Failure{line, "the runner does not know this option"};
}

Outcome Sockets::get_option(Endpoint& endpoint, const Call& call, unsigned line) {
    if (argument(call, 2, line) != "SO_ERROR") {
        throw Failure{line, "the runner does not know this option"};
    }
    const std::string error = std::exchange(endpoint.error, {});
    const std::string& wanted = argument(call, 3, line);
    if (wanted != "[" + (error.empty() ? "0" : error) + "]") {
        throw Failure{line, "the error is [" + (error.empty() ? "0" : error) + "]"};
    }
    return {};
}

} // namespace millrace::script
