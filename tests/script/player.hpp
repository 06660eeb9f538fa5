#pragma once

#include "conversations.hpp"
#include "host.hpp"
#include "script.hpp"
#include "settings.hpp"
#include "sockets.hpp"

#include <optional>
#include <string>
#include <vector>

namespace millrace::script {

/// Plays one script against one stack. The first thing that is not as the script says is thrown as
/// a `Failure`: its line, what was expected, and what came.
class Player {
  public:
    Player(const Script& script, const Settings& settings, Family family);

    void play();

  private:
    struct Waiting {
        const Event* event;
        Instant ends;
    };

    void play(const Event& event, const Inbound& inbound);
    void play(const Event& event, const IcmpError& error);
    void play(const Event& event, const Outbound& outbound);
    void play(const Event& event, const Call& call);
    void play(const Event& event, const Assertion& assertion);

    [[nodiscard]] Instant instant(const Time& time, Duration of) const;
    void advance(const Event& event);
    void step(Instant limit);
    void refuse_unexpected(unsigned line, Instant before) const;
    void look_after_waiting();
    void expect_result(const Event& event, const Call& call, const Outcome& outcome) const;
    [[nodiscard]] std::string value_of(const Assertion& assertion, unsigned line);
    [[nodiscard]] std::string clock(Instant at) const;
    [[nodiscard]] std::string line_of(const Sent& sent) const;

    const Script& script_;
    Settings settings_;
    Conversations conversations_;
    Sockets sockets_;
    Host host_;
    Instant start_;
    Instant last_; ///< When the event before took place: what `+` counts from.
    std::vector<Waiting> waiting_;
};

} // namespace millrace::script
