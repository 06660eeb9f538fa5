#pragma once

#include "base/time.hpp"
#include "wire/address.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace millrace::stack {

/// How far we are in making one of our addresses ours: RFC 4862 §5.4 for IPv6, RFC 5227 §2 for
/// IPv4.
///
///    waiting --> probing --> announcing --> settled
///       |           |        (may be used from here on)
///       +-----------+------> lost: somebody else has it
enum class ClaimState : std::uint8_t { waiting, probing, announcing, settled, lost };

/// How often and when a family's addresses are probed and announced.
struct ClaimRules {
    std::uint8_t probes = 0;
    std::uint8_t announcements = 0;
    Duration first_probe_max{};    ///< The first waits for a random time up to this.
    Duration probe_interval_min{}; ///< Between probes a random time,
    Duration probe_interval_max{}; ///< up to this.
    Duration last_probe_wait{};    ///< From the last probe until the address is ours.
    Duration announcement_interval{};
    Duration defence_interval{}; ///< Between two defences of an address.
};

/// The claims to one worker's addresses of one family: says what is to be sent, and when. One
/// worker of a port makes them, the others are told how they end. There may be thousands: an
/// address is found among them, and what is due next, without looking at each.
template <class Addr>
class Claims {
  public:
    enum class Act : std::uint8_t { nothing, probe, announce };

    struct Step {
        Addr address;
        Act act = Act::nothing;     ///< What to send.
        bool became_usable = false; ///< With this step.
    };

    /// `speaks`: this worker makes the claims. Without probes the addresses are ours at once.
    Claims(std::span<const wire::Prefix<Addr>> addresses, const ClaimRules& rules, bool speaks,
           std::minstd_rand& random, Instant now);

    /// True when the address is ours and may be used: neither tentative nor lost.
    [[nodiscard]] bool usable(const Addr& address) const { return is_usable(state(address)); }
    [[nodiscard]] bool all_usable() const { return unusable_ == 0; }

    /// What is to be sent at `now`, one message at a time; nothing when nothing is due.
    [[nodiscard]] std::optional<Step> next_step(Instant now);
    /// Until when `next_step` has nothing.
    [[nodiscard]] Instant next_deadline() const { return due_.empty() ? never : due_.front().at; }

    /// Somebody else has the address or wants it too. True when that ends our claim; false when the
    /// address is ours already (or lost already) and is kept.
    bool contest(const Addr& address);

    /// Whether to answer a rival with an announcement: not more often than the rules allow.
    [[nodiscard]] bool may_defend(const Addr& address, Instant now);

    /// The worker that makes the claims has told how one ended.
    void settle(const Addr& address, ClaimState state);

    [[nodiscard]] std::size_t size() const { return claims_.size(); }

    /// Calls `f(address, ClaimState)` for each whose claim has been decided, of `count` addresses
    /// from the one at `first` on: it is `settled` (announcing or not) or `lost`.
    template <class F>
    void for_each_decided(std::size_t first, std::size_t count, F&& f) const {
        first = std::min(first, claims_.size());
        count = std::min(count, claims_.size() - first);
        for (const Claim& claim : std::span{claims_}.subspan(first, count)) {
            if (is_usable(claim.state)) {
                f(claim.address, ClaimState::settled);
            } else if (claim.state == ClaimState::lost) {
                f(claim.address, ClaimState::lost);
            }
        }
    }

    /// The state of one of our addresses; `lost` for any other.
    [[nodiscard]] ClaimState state(const Addr& address) const;

  private:
    struct Claim {
        Addr address;
        ClaimState state = ClaimState::settled;
        std::uint8_t sent = 0; ///< Messages in this state.
        Instant due = never;
        std::optional<Instant> defended; ///< Last.
    };

    /// When a claim's next message is due.
    struct Due {
        Instant at;
        std::uint32_t place; ///< In `claims_`.

        [[nodiscard]] friend auto operator<=>(const Due&, const Due&) = default;
    };

    [[nodiscard]] static bool is_usable(ClaimState state) {
        return state == ClaimState::announcing || state == ClaimState::settled;
    }
    /// The claim's place in `claims_`; their number when there is none.
    [[nodiscard]] std::size_t place_of(const Addr& address) const;
    void set_state(Claim& claim, ClaimState state);
    void set_due(Claim& claim, Instant due);
    [[nodiscard]] Step advance(Claim& claim, Instant now);
    [[nodiscard]] Step probe(Claim& claim, Instant now);
    [[nodiscard]] Step announce(Claim& claim, Instant now);
    [[nodiscard]] Duration random_between(Duration least, Duration most);

    ClaimRules rules_;
    std::minstd_rand& random_;
    std::vector<Claim> claims_; ///< By address.
    /// A heap, the nearest first. What a claim has given up is passed over when its time comes.
    std::vector<Due> due_;
    std::size_t unusable_ = 0;
};

extern template class Claims<wire::Ipv4Addr>;
extern template class Claims<wire::Ipv6Addr>;

} // namespace millrace::stack
