#pragma once

#include "base/siphash.hpp"
#include "base/time.hpp"
#include "wire/seq_num.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::tcp {

/// Initial sequence numbers by RFC 6528: a clock of 4 µs steps plus a keyed hash of the
/// connection's addresses and ports (`identity`), so that incarnations of one four-tuple rise
/// monotonically while no one can tell one connection's numbers from another's.
class SequenceSource {
  public:
    explicit SequenceSource(const SipKey& key) : key_{key} {}

    [[nodiscard]] wire::SeqNum initial(std::span<const std::byte> identity, Instant now) const {
        const auto clock = static_cast<std::uint64_t>(now.time_since_epoch().count()) / 4000;
        return wire::SeqNum{static_cast<std::uint32_t>(siphash(key_, identity) + clock)};
    }

    /// What is added to the 1 ms clock to make our timestamps (RFC 7323 §5.4). `addresses` is the
    /// address pair without ports, so that the clock a peer sees never goes back between
    /// connections.
    [[nodiscard]] std::uint32_t timestamp_offset(std::span<const std::byte> addresses) const {
        return static_cast<std::uint32_t>(siphash({~key_[0], key_[1]}, addresses));
    }

  private:
    SipKey key_;
};

} // namespace millrace::tcp
