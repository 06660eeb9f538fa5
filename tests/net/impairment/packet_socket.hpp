#pragma once

#include "base/time.hpp"
#include "direction.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::impairment {

/// This program's clock.
[[nodiscard]] Instant now();

/// A virtual interface (veth or TAP) through which frames come and go, whole and unprocessed.
class PacketSocket {
  public:
    /// Throws std::runtime_error for an interface that is not there, or not virtual.
    explicit PacketSocket(const std::string& interface);
    ~PacketSocket();
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;

    [[nodiscard]] int descriptor() const { return descriptor_; }

    /// Calls `take(Frame, Instant)` for frames that have come, each with the time when it came;
    /// says whether there may be more. Throws std::runtime_error when the interface is gone.
    bool receive(const std::function<void(Frame, Instant)>& take);

    /// Frames that the interface refuses are counted, and gone.
    void send(std::span<const Frame> frames);

    /// Frames that came faster than this program read them: a run with any has measured this
    /// program. Reading resets it.
    [[nodiscard]] std::uint64_t take_missed();

    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    void open(const std::string& interface);
    void configure();

    static constexpr std::size_t frame_bytes_max = 9'216;

    int descriptor_ = -1;
    std::vector<std::byte> buffers_;
    Instant last_came_{};
    std::uint64_t refused_ = 0;
};

} // namespace millrace::impairment
