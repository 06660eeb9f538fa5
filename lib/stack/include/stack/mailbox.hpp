#pragma once

#include "base/ring.hpp"
#include "stack/control.hpp"

#include <cstdint>
#include <memory>
#include <type_traits>
#include <variant>
#include <vector>

namespace millrace::stack {

/// What one worker tells another: the handle of a received packet whose connection is the reader's,
/// who owns it now; or what it has learnt of the network.
using Message = std::variant<std::uint64_t, Learnt>;

static_assert(std::is_trivially_copyable_v<Message>);

/// A ring from every worker to every other.
class Mailboxes {
  public:
    Mailboxes(std::uint32_t workers, std::uint32_t ring_capacity) : workers_{workers} {
        for (std::uint32_t i = 0; i < workers * workers; ++i) {
            rings_.push_back(std::make_unique<SpscRing<Message>>(ring_capacity));
        }
    }

    [[nodiscard]] std::uint32_t workers() const { return workers_; }
    [[nodiscard]] SpscRing<Message>& ring(std::uint32_t from, std::uint32_t to) {
        return *rings_[from * workers_ + to];
    }

  private:
    std::uint32_t workers_;
    std::vector<std::unique_ptr<SpscRing<Message>>> rings_;
};

} // namespace millrace::stack
