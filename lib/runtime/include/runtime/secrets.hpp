#pragma once

#include "base/siphash.hpp"
#include "nic/rss.hpp"

namespace millrace::runtime {

/// Drawn at boot.
struct Secrets {
    SipKey sequence_key{};
    SipKey hash_key{};
    nic::RssKey rss{};

    [[nodiscard]] static Secrets draw();
};

/// A sequence key that is the same for every process until the machine boots again, as the clock is
/// that it goes with: who connects anew from a port of an earlier process's then has a later
/// sequence number (RFC 6528) and timestamp, and a server that has the old connection in TIME-WAIT
/// takes it (RFC 6191). Any user of the machine can compute it, so it is for clients that have
/// nothing to hide. A drawn one where Linux does not tell its boots apart.
[[nodiscard]] SipKey sequence_key_of_this_boot();

} // namespace millrace::runtime
