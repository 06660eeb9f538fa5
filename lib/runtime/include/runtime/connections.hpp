#pragma once

#include "runtime/address.hpp"
#include "tcp/state.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::runtime {

/// What the control plane knows of a connection or a listener.
struct ConnectionInfo {
    tcp::State state = tcp::State::closed;
    Endpoint local;
    Endpoint remote;
    std::uint32_t receive_queue_bytes = 0; ///< Received, and not yet taken by the service.
    std::uint32_t send_queue_bytes = 0;    ///< Queued, and not yet acknowledged by the peer.
    std::string_view service;              ///< Its name in the configuration; static.
    std::uint32_t worker = 0;
};

/// Whoever can list connections while packets flow: the workers' tables, read without stopping
/// them.
class ConnectionSource {
  public:
    using Visitor = std::function<void(const ConnectionInfo&)>;

    virtual ~ConnectionSource() = default;

    /// Visits what stands in the next `slots_max` slots from `cursor` on (0: the beginning) and
    /// returns where to go on, or nothing at the end. A connection that is alive throughout the
    /// walk is visited exactly once, however many steps the walk is cut into.
    virtual std::optional<std::uint64_t> visit(std::uint64_t cursor, std::size_t slots_max,
                                               const Visitor& visitor) = 0;
};

/// The state in the words of ss(8): "ESTAB", "TIME-WAIT".
[[nodiscard]] std::string_view ss_name(tcp::State state);

/// Which connections are wanted.
class ConnectionFilter {
  public:
    /// Everything.
    ConnectionFilter() = default;

    [[nodiscard]] bool matches(const ConnectionInfo& connection) const {
        return !predicate_ || predicate_(connection);
    }

    struct Parsed;

    /// Reads the filters of ss(8), as words in any division:
    ///
    ///     { state STATE | exclude STATE } [ EXPRESSION ]
    ///     EXPRESSION: terms, joined by `and` (or by nothing), `or`, `not` and parentheses
    ///     term: src|dst [OP] ADDRESS[/LENGTH][:PORT], sport|dport OP [:]PORT, service NAME
    ///     OP: = != < > <= >= or eq ne lt gt le ge
    ///
    /// Several `state` are alternatives. STATE is a state's name or one of ss's groups: all,
    /// connected, synchronized, bucket, big.
    [[nodiscard]] static Parsed parse(std::span<const std::string> words);

    using Predicate = std::function<bool(const ConnectionInfo&)>;

  private:
    Predicate predicate_; ///< Empty: everything.
};

/// A filter, or why the words are none.
struct ConnectionFilter::Parsed {
    ConnectionFilter filter;
    std::string error; ///< Empty when all is well.
};

} // namespace millrace::runtime
