#pragma once

#include "flow/four_tuple.hpp"

#include <cstdint>

namespace millrace::stack {

/// What became of the wish to open a connection.
enum class ConnectResult : std::uint8_t {
    opening,         ///< A SYN is on its way; the service will hear `opened` or `failed`.
    ports_exhausted, ///< No port of the range is free towards that destination.
    address_in_use,  ///< There is such a connection, or one in TIME-WAIT that is still needed.
    no_address,      ///< The local address is not ours, or no address of ours may be used (yet).
    no_route,        ///< There is no way to the destination.
    wrong_worker,    ///< Another worker is the home of the four-tuple that was asked for.
    pool_dry,        ///< Connections, neighbours or flights have run out.
    busy,            ///< The port is behind: try again in a later turn.
    draining,        ///< The worker is about to stop.
};

/// With `opening`, `key` names the connection.
template <class Addr>
struct Connecting {
    ConnectResult result = ConnectResult::opening;
    flow::FourTuple<Addr> key;
};

} // namespace millrace::stack
