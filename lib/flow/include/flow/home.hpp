#pragma once

#include "flow/four_tuple.hpp"
#include "flow/hash.hpp"
#include "flow/toeplitz.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::flow {

/// Which worker a connection lives on: one pure function of its four-tuple, the same on every
/// worker. Where the port has RSS it is the NIC's own choice, computed from its key and indirection
/// table; where not, it is the connection hash spread over the workers.
class Home {
  public:
    /// In software. `key` is the same on every worker; it may be the tables' key too, for spread()
    /// takes bits of the hash that Table does not.
    Home(const HashKey& key, std::uint16_t workers);

    /// As the NIC does: `indirection` has a worker for each of a power of two of hash values.
    Home(std::span<const std::uint8_t> rss_key, std::span<const std::uint16_t> indirection);

    template <class Addr>
    [[nodiscard]] std::uint16_t operator()(const FourTuple<Addr>& tuple) const {
        if (rss_) {
            return indirection_[rss_->hash(tuple) & (indirection_.size() - 1)];
        }
        return spread(hash(*key_, tuple), workers_);
    }

  private:
    std::optional<Toeplitz> rss_;
    std::vector<std::uint16_t> indirection_;
    std::optional<HashKey> key_;
    std::uint16_t workers_ = 0;
};

} // namespace millrace::flow
