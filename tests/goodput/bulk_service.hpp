#pragma once

#include "stack/service_concept.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::goodput {

/// What one end has met.
struct Progress {
    Instant opened_at = never;
    std::uint64_t received_bytes = 0;
};

/// Sends without end, or only receives.
class BulkService {
  public:
    BulkService(Progress& progress, bool sends) : progress_{&progress}, sends_{sends} {}

    std::uint32_t receive(stack::Socket& /*socket*/, const Slice& text) {
        progress_->received_bytes += text.length;
        return text.length;
    }

    void on(stack::Socket& socket, stack::SocketEvent event) {
        if (event == stack::SocketEvent::opened) {
            progress_->opened_at = socket.now();
        }
        while (sends_ && socket.may_send() && socket.queued_bytes() < queued_bytes) {
            if (socket.send({document.data(), document.size()}) == 0) {
                return;
            }
        }
    }

  private:
    static constexpr std::uint32_t queued_bytes = 8 << 20;
    static constexpr std::array<std::byte, 65'536> document{};

    Progress* progress_;
    bool sends_;
};

static_assert(stack::Service<BulkService>);

} // namespace millrace::goodput
