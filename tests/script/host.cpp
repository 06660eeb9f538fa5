#include "host.hpp"

#include "tcp/isn.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace millrace::script {

namespace {

constexpr std::size_t packets = 4096;

template <class Addr>
flow::FourTuple<Addr> key_of(const Ports& ports) {
    return {our_address<Addr>(), peer_address<Addr>(), ports.local, ports.remote};
}

/// The instant at which the first connection's ISS is the one that the script wants.
template <class Addr>
Instant start_for(std::uint32_t iss, const stack::WorkerSettings& settings, const Ports& ports) {
    const tcp::SequenceSource source{settings.sequence_key};
    const auto key = key_of<Addr>(ports);
    const std::uint32_t hash = source.initial(std::as_bytes(std::span{&key, 1}), Instant{}).value();
    return Instant{std::chrono::microseconds{4} * std::int64_t{iss - hash}};
}

Instant start_of(Family family, const Settings& settings) {
    constexpr Ports first{8080, 40001};
    if (!settings.iss) {
        return Instant{settings.start};
    }
    return family == Family::ipv4
               ? start_for<wire::Ipv4Addr>(*settings.iss, settings.worker, first)
               : start_for<wire::Ipv6Addr>(*settings.iss, settings.worker, first);
}

/// A service sees no more of its connection than its own bytes; the connection lies around them.
template <class Addr>
stack::Connection<Addr>& connection_around(std::byte* service_state) {
    using Connection = stack::Connection<Addr>;
    return *reinterpret_cast<Connection*>(service_state - offsetof(Connection, state));
}

template <class Names>
std::optional<std::size_t> index_of(const Names& names, std::string_view name) {
    const auto found = std::ranges::find(names, name);
    return found == names.end() ? std::nullopt
                                : std::optional{static_cast<std::size_t>(found - names.begin())};
}

std::optional<wire::Drop> drop_named(std::string_view name) {
    for (std::size_t i = 1; i < wire::drop_count; ++i) {
        if (wire::name(static_cast<wire::Drop>(i)) == name) {
            return static_cast<wire::Drop>(i);
        }
    }
    return std::nullopt;
}

} // namespace

template <class F>
decltype(auto) Host::with_family(F&& f) const {
    auto& worker = const_cast<Worker&>(worker_);
    return family_ == Family::ipv4 ? f(worker.template host<wire::Ipv4Addr>(), wire::Ipv4Addr{})
                                   : f(worker.template host<wire::Ipv6Addr>(), wire::Ipv6Addr{});
}

Host::Host(Family family, const Settings& settings, Sockets& sockets)
    : family_{family}, sockets_{sockets}, now_{start_of(family, settings)}, nic_{packets},
      worker_{nic_, settings.worker, nullptr, now_} {
    stack::ListenerOptions options = settings.listener;
    options.port = 0;
    opens_ = worker_.listen(options, ScriptService{&sockets_});
    options.no_delay = true;
    opens_no_delay_ = worker_.listen(options, ScriptService{&sockets_});
    static_cast<void>(nic_.deliver(greeting(family)));
    poll();
}

/// Polls until all that happens at this instant has happened, and takes what was sent.
void Host::poll() {
    bool answered = true;
    while (answered) {
        worker_.poll_once(now_);
        answered = false;
        support::Frame frame;
        while (nic_.take_sent(frame)) {
            if (auto packet = packet_of(family_, frame)) {
                sent.push_back({now_, std::move(*packet)});
            } else if (const auto answer = answer_to(frame)) {
                answered = nic_.deliver(*answer);
            }
        }
    }
}

void Host::arrives(const support::Frame& frame) {
    MILLRACE_ASSERT(nic_.deliver(frame));
    poll();
}

void Host::step(Instant limit) {
    const Instant next = std::max(worker_.next_deadline(), now_ + 1us);
    now_ = std::max(now_, std::min(next, limit));
    poll();
}

bool Host::with_socket(const Ports& ports, const std::function<void(stack::Socket&)>& f) {
    const bool found = with_family([&](auto&, auto address) {
        return worker_.with_socket(key_of<decltype(address)>(ports), now_, f);
    });
    poll();
    return found;
}

tcp::Tcb& Host::tcb(std::byte* service_state) const {
    return with_family([&](auto&, auto address) -> tcp::Tcb& {
        return connection_around<decltype(address)>(service_state).tcb;
    });
}

stack::ConnectResult Host::connect(const Ports& ports, bool no_delay) {
    const stack::ConnectResult result = with_family([&](auto&, auto address) {
        return worker_
            .connect(key_of<decltype(address)>(ports), no_delay ? opens_no_delay_ : opens_, now_)
            .result;
    });
    poll();
    return result;
}

void Host::listen(const stack::ListenerOptions& options) {
    worker_.listen(options, ScriptService{&sockets_});
}

tcp::State Host::state(const Ports& ports) const {
    tcp::State state = tcp::State::closed;
    with_family([&](const auto& host, auto address) {
        const auto key = key_of<decltype(address)>(ports);
        host.walk(0, UINT32_MAX, [&](const auto& summary) {
            if (summary.key == key) {
                state = summary.state;
            }
        });
    });
    return state;
}

std::optional<std::uint64_t> Host::counter(std::string_view name) {
    const auto& core = worker_.core();
    const std::string_view group = name.substr(0, name.find('.'));
    const std::string_view rest = name.substr(std::min(group.size() + 1, name.size()));
    if (group == "tcp") {
        const auto index = index_of(tcp::counter_names, rest);
        return index ? std::optional{core.tcp_counters[static_cast<tcp::Counter>(*index)]}
                     : std::nullopt;
    }
    if (group == "stack") {
        const auto index = index_of(stack::counter_names, rest);
        return index ? std::optional{core.counters[static_cast<stack::Counter>(*index)]}
                     : std::nullopt;
    }
    if (group == "control") {
        const auto index = index_of(stack::control_counter_names, rest);
        return index ? std::optional{worker_.control()
                                         .counters()[static_cast<stack::ControlCounter>(*index)]}
                     : std::nullopt;
    }
    if (group == "drop") {
        const auto drop = drop_named(rest);
        return drop ? std::optional{core.drops[*drop]} : std::nullopt;
    }
    worker_.publish_gauges();
    const auto index = index_of(stack::gauge_names, name);
    return index ? std::optional{worker_.gauges()[static_cast<stack::Gauge>(*index)]}
                 : std::nullopt;
}

std::string Host::leaks() {
    worker_.abort_all(now_);
    poll();
    worker_.release_everything(now_);
    support::Frame frame;
    while (nic_.take_sent(frame)) {
    }
    for (const std::string_view gauge : {"connections", "half_open", "time_wait", "slices_queued",
                                         "chunks_in_use", "reassemblies_in_use"}) {
        if (counter(gauge) != 0U) {
            return std::string{gauge} + " is " + std::to_string(*counter(gauge));
        }
    }
    return nic_.packets_in_use() == 0
               ? ""
               : std::to_string(nic_.packets_in_use()) + " packets are missing";
}

} // namespace millrace::script
