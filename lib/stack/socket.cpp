#include "stack/socket.hpp"

#include <algorithm>

namespace millrace::stack {

namespace {

/// Below this, a copy costs less than keeping a whole packet for it.
constexpr std::uint32_t worth_keeping_bytes = 512;

} // namespace

std::uint32_t Socket::send(const Slice& slice) {
    switch (slice.owner) {
    case OwnerKind::nobody:
    case OwnerKind::store:
        return tcp::send(tcb_, slice, context_) ? slice.length : 0;
    case OwnerKind::packet: {
        const Slice piece = slice.first(std::min(slice.length, send_space()));
        if (piece.length >= worth_keeping_bytes && tcp::send(tcb_, piece, context_)) {
            ++packet_references_;
            return piece.length;
        }
        return send_copy(piece.bytes());
    }
    case OwnerKind::chunk:
        return send_copy(slice.bytes());
    }
    return 0;
}

} // namespace millrace::stack
