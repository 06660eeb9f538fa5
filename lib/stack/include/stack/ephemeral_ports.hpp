#pragma once

#include "base/siphash.hpp"
#include "flow/four_tuple.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace millrace::stack {

/// The ports that active opens come from, both included.
struct PortRange {
    std::uint16_t first = 32768;
    std::uint16_t last = 60999;

    [[nodiscard]] std::uint32_t size() const { return last - first + 1U; }
};

/// The choice of a source port by RFC 6056 §3.3.4, the double hash: where a destination's ports
/// begin is a secret, and how far along it is advances with the opens to it and the few that share
/// its counter. So a port returns late, and nobody else can tell the next one.
class EphemeralPorts {
  public:
    EphemeralPorts(const SipKey& key, const PortRange& range) : key_{key}, range_{range} {}

    /// Offers the ports of the range for a connection `tuple`, whose own local port means nothing,
    /// each once: the first of which `usable(port)` says true is taken and returned, or 0 when
    /// there is none.
    template <class Addr, class F>
    [[nodiscard]] std::uint16_t choose(flow::FourTuple<Addr> tuple, F&& usable) {
        tuple.local_port = 0;
        const std::uint64_t hash = siphash(key_, std::as_bytes(std::span{&tuple, 1}));
        std::uint32_t& counter = counters_[(hash >> 32) % counters_.size()];
        const std::uint32_t start = (static_cast<std::uint32_t>(hash) % range_.size() + counter);
        for (std::uint32_t i = 0; i < range_.size(); ++i) {
            const auto port =
                static_cast<std::uint16_t>(range_.first + (start + i) % range_.size());
            if (usable(port)) {
                counter = (counter + i + 1) % range_.size();
                return port;
            }
        }
        return 0;
    }

  private:
    SipKey key_;
    PortRange range_;
    std::array<std::uint32_t, 1024> counters_{}; ///< Each less than the range's size.
};

} // namespace millrace::stack
