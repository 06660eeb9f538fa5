#pragma once

#include "base/siphash.hpp"
#include "base/time.hpp"
#include "wire/address.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace millrace::stack {

/// The path MTUs that one worker has been told of, by destination: new connections begin with them.
/// Each is forgotten after ten minutes (as Linux has it; RFC 8201 §4), or sooner when its place is
/// needed: then the one learnt first goes.
template <class Addr>
class PathMtus {
  public:
    static constexpr Duration lifetime = std::chrono::minutes{10};
    static constexpr std::uint16_t unknown = UINT16_MAX;

    /// `key` keeps collisions out of the hash.
    PathMtus(std::uint32_t capacity, const SipKey& key);

    /// Packets to `destination` may have `mtu` bytes at most. False when another destination, whose
    /// time was not over, had to make room.
    bool learn(const Addr& destination, std::uint16_t mtu, Instant now);

    /// Bytes of the largest packet to `destination`, or `unknown`.
    [[nodiscard]] std::uint16_t find(const Addr& destination, Instant now) const {
        return size_ == 0 ? unknown : look_up(destination, now);
    }

    /// Entries that stand for a destination, those whose time is over included.
    [[nodiscard]] std::uint32_t size() const { return size_; }

  private:
    static constexpr std::uint32_t none = UINT32_MAX;

    struct Entry {
        Addr destination{};
        std::uint16_t mtu = 0;
        std::uint32_t next_in_bucket = none;
        Instant expires{};
    };

    [[nodiscard]] std::uint16_t look_up(const Addr& destination, Instant now) const;
    [[nodiscard]] std::uint32_t bucket_of(const Addr& destination) const;
    [[nodiscard]] std::uint32_t index_of(const Addr& destination) const;
    void leave_bucket(std::uint32_t index);

    SipKey key_;
    std::vector<Entry> entries_; ///< The first `size_` are in use.
    std::vector<std::uint32_t> buckets_;
    std::uint32_t size_ = 0;
    std::uint32_t next_ = 0; ///< Whose turn it is to go, once all are in use.
};

extern template class PathMtus<wire::Ipv4Addr>;
extern template class PathMtus<wire::Ipv6Addr>;

} // namespace millrace::stack
