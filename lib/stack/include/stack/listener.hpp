#pragma once

#include "base/time.hpp"
#include "stack/accept_queue.hpp"
#include "stack/service_concept.hpp"
#include "tcp/time_wait.hpp"
#include "wire/address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::stack {

/// What happens to who finds a listener's queue full. (SYN cookies will be a third for SYNs.)
enum class WhenQueueFull : std::uint8_t {
    drop,  ///< As if it had been lost, so that it comes again.
    reset, ///< The peer hears at once that there is no place.
};

/// What a listener is bound to, and how its connections behave.
struct ListenerOptions {
    std::uint16_t port = 0;                     ///< 0: for connections that we open alone.
    std::vector<wire::Ipv4Addr> ipv4_addresses; ///< With the next one: none means all.
    std::vector<wire::Ipv6Addr> ipv6_addresses;
    std::uint8_t tcp = 0;             ///< Which of the worker's configurations.
    bool no_delay = true;             ///< Nagle's algorithm is off, as servers have it.
    bool linger_zero = false;         ///< Close by reset, and so without TIME_WAIT.
    std::uint8_t time_wait_queue = 0; ///< Which of the worker's configured durations.
    tcp::ReusePolicy time_wait_policy = tcp::ReusePolicy::timestamps;
    std::uint32_t half_open_max = 4096; ///< The SYN queue's length on this worker.
    WhenQueueFull syn_queue_when_full = WhenQueueFull::drop;
    /// Connections that the service serves at once on this worker; then it says "not now".
    std::uint32_t connections_max = UINT32_MAX;
    std::uint32_t accept_queue_max = 4096; ///< Of those that wait for it.
    WhenQueueFull accept_queue_when_full = WhenQueueFull::drop;
    Duration defer_accept{}; ///< How long the service is spared a connection without data; or 0.

    [[nodiscard]] bool is_bound_to(const wire::Ipv4Addr& address) const {
        return bound(ipv4_addresses, address);
    }
    [[nodiscard]] bool is_bound_to(const wire::Ipv6Addr& address) const {
        return bound(ipv6_addresses, address);
    }

  private:
    template <class Addr>
    [[nodiscard]] bool bound(const std::vector<Addr>& addresses, const Addr& address) const {
        return (ipv4_addresses.empty() && ipv6_addresses.empty()) ||
               std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    }
};

/// A listener with the service behind it. The services are known when the program is compiled;
/// which of them is behind which listener, when it starts.
template <Service... S>
struct Listener {
    ListenerOptions options;
    std::variant<S...> service;
    std::uint32_t half_open = 0;              ///< Entries in the SYN queue now.
    std::uint32_t connections = 0;            ///< That the service has heard of.
    std::uint32_t waiting = 0;                ///< Entries in the accept queues.
    std::array<AcceptQueue, 2> accept_queues; ///< Of IPv4 and IPv6.

    [[nodiscard]] bool admits() {
        return connections < options.connections_max &&
               std::visit([](auto& s) { return stack::admits(s); }, service);
    }
    [[nodiscard]] bool accept_queue_is_full() const { return waiting >= options.accept_queue_max; }

    std::uint32_t receive(Socket& socket, const Slice& text) {
        return std::visit([&](auto& s) { return s.receive(socket, text); }, service);
    }
    void on(Socket& socket, SocketEvent event) {
        std::visit([&](auto& s) { s.on(socket, event); }, service);
    }

    /// True when the service opens connections itself.
    template <class Opener>
    [[nodiscard]] bool opens() const {
        return std::visit([]<class T>(const T&) { return OpeningService<T, Opener>; }, service);
    }
    template <class Opener>
    [[nodiscard]] Instant on_turn(Opener& opener) {
        return std::visit(
            [&]<class T>(T& s) -> Instant {
                if constexpr (OpeningService<T, Opener>) {
                    return s.on_turn(opener);
                } else {
                    return never;
                }
            },
            service);
    }
};

/// One worker's listeners, found by port.
template <Service... S>
class Listeners {
  public:
    static constexpr std::uint16_t none = UINT16_MAX;

    /// Adds a listener and says its index, by which connections name it.
    std::uint16_t add(ListenerOptions options, std::variant<S...> service) {
        const auto index = static_cast<std::uint16_t>(listeners_.size());
        listeners_.push_back({std::move(options), std::move(service)});
        next_.push_back((*first_)[listeners_.back().options.port]);
        (*first_)[listeners_.back().options.port] = index;
        return index;
    }

    /// The listener for a destination, or `none`.
    template <class Addr>
    [[nodiscard]] std::uint16_t find(const Addr& address, std::uint16_t port) const {
        std::uint16_t index = (*first_)[port];
        while (index != none && !listeners_[index].options.is_bound_to(address)) {
            index = next_[index];
        }
        return index;
    }

    [[nodiscard]] Listener<S...>& operator[](std::uint16_t index) { return listeners_[index]; }
    [[nodiscard]] std::size_t size() const { return listeners_.size(); }

    std::uint32_t waiting = 0; ///< Entries in all accept queues.

  private:
    using FirstByPort = std::array<std::uint16_t, 65536>;

    static std::unique_ptr<FirstByPort> no_ports() {
        auto ports = std::make_unique<FirstByPort>();
        ports->fill(none);
        return ports;
    }

    std::vector<Listener<S...>> listeners_;
    std::vector<std::uint16_t> next_; ///< The next listener on the same port.
    std::unique_ptr<FirstByPort> first_ = no_ports();
};

} // namespace millrace::stack
