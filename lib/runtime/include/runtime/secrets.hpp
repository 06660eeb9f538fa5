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

} // namespace millrace::runtime
