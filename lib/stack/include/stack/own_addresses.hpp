#pragma once

#include "base/range_set.hpp"
#include "wire/address.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <vector>

namespace millrace::stack {

/// A port's addresses of one family, each with its subnet, in the order in which they were added;
/// and what packets are compared with, so that a thousand cost no more to look through than one.
template <class Addr>
class OwnAddresses {
  public:
    using Own = wire::Prefix<Addr>;

    OwnAddresses() = default;
    OwnAddresses(std::initializer_list<Own> all) {
        for (const Own& own : all) {
            push_back(own);
        }
    }

    void push_back(const Own& own) {
        all_.push_back(own);
        numbers_.insert(own.address.value());
        if constexpr (std::is_same_v<Addr, wire::Ipv6Addr>) {
            endings_.insert(own.address.ending());
        }
        for (const Own& known : subnets_) {
            if (known.length == own.length && known.contains(own.address)) {
                return;
            }
        }
        subnets_.push_back(own);
    }

    void clear() { *this = OwnAddresses{}; }

    [[nodiscard]] auto begin() const { return all_.begin(); }
    [[nodiscard]] auto end() const { return all_.end(); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    [[nodiscard]] bool empty() const { return all_.empty(); }
    [[nodiscard]] const Own& front() const { return all_.front(); }
    [[nodiscard]] const Own& back() const { return all_.back(); }

    [[nodiscard]] bool contains(const Addr& address) const {
        return numbers_.contains(address.value());
    }

    /// Each subnet once, with the first of the addresses in it.
    [[nodiscard]] const std::vector<Own>& subnets() const { return subnets_; }

    /// The endings that name the solicited-node groups of IPv6 addresses, each once.
    [[nodiscard]] const RangeSet<std::uint32_t>& endings() const { return endings_; }

  private:
    std::vector<Own> all_;
    std::vector<Own> subnets_;
    RangeSet<typename Addr::Value> numbers_;
    RangeSet<std::uint32_t> endings_;
};

} // namespace millrace::stack
