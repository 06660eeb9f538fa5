#pragma once

#include "base/siphash.hpp"
#include "nic/rss.hpp"

namespace millrace::runtime {

/// Drawn at boot.
struct Secrets {
    SipKey sequence{};
    SipKey hash{};
    nic::RssKey rss{};

    [[nodiscard]] static Secrets draw();
};

} // namespace millrace::runtime
