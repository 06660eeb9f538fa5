#pragma once

#include "wire/address.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millrace::flow {

/// What names a connection, from our side: `local` is the destination of what we receive and the
/// source of what we send. Ports are numbers, not wire bytes.
template <class Addr>
struct FourTuple {
    Addr local;
    Addr remote;
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;

    [[nodiscard]] friend bool operator==(const FourTuple& a, const FourTuple& b) {
        return std::memcmp(&a, &b, sizeof(FourTuple)) == 0;
    }
};

using FourTuple4 = FourTuple<wire::Ipv4Addr>;
using FourTuple6 = FourTuple<wire::Ipv6Addr>;

static_assert(sizeof(FourTuple4) == 12 && sizeof(FourTuple6) == 36);
static_assert(std::has_unique_object_representations_v<FourTuple4> &&
                  std::has_unique_object_representations_v<FourTuple6>,
              "compared and hashed as bytes, so there may be no padding");

} // namespace millrace::flow
