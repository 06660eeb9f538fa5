#include "player.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace millrace::script {

namespace {

/// How long a packet at `*` is waited for.
constexpr Duration patience = std::chrono::hours{3};

std::string result_text(const Outcome& outcome) {
    return outcome.waits
               ? "it waits"
               : std::to_string(outcome.value) + (outcome.error.empty() ? "" : " " + outcome.error);
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
    return error == std::errc{} && end == text.end() ? std::optional{value} : std::nullopt;
}

bool holds(const std::string& left, const std::string& comparison, const std::string& right) {
    const auto a = number(left);
    const auto b = number(right);
    if (comparison == "==" || comparison == "!=") {
        return (left == right) == (comparison == "==");
    }
    if (!a || !b) {
        return false;
    }
    return comparison == "<"    ? *a < *b
           : comparison == "<=" ? *a <= *b
           : comparison == ">"  ? *a > *b
                                : *a >= *b;
}

std::optional<std::int64_t> field(const tcp::Tcb& tcb, std::string_view name) {
    if (name == "cwnd") {
        return tcb.congestion.cwnd;
    }
    if (name == "ssthresh") {
        return tcb.congestion.ssthresh;
    }
    if (name == "srtt_us") {
        return tcb.rtt.srtt_us;
    }
    if (name == "rto_us") {
        return tcb.rtt.rto_us;
    }
    if (name == "snd_wnd") {
        return tcb.snd.wnd;
    }
    if (name == "snd_mss") {
        return tcb.snd_mss;
    }
    if (name == "ts_recent") {
        return tcb.ts_recent;
    }
    if (name == "queued_bytes") {
        return tcb.queue.length;
    }
    if (name == "unread_bytes") {
        return tcb.unread.length;
    }
    return std::nullopt;
}

/// "cwnd.2" is "cwnd" of connection 2.
unsigned take_conversation(std::string& name) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos) {
        return 1;
    }
    const auto conversation = number(std::string_view{name}.substr(dot + 1));
    if (!conversation || *conversation < 1) {
        return 1;
    }
    name.resize(dot);
    return static_cast<unsigned>(*conversation);
}

} // namespace

Player::Player(const Script& script, const Settings& settings, Family family)
    : script_{script}, settings_{settings},
      conversations_{settings.peer_iss}, sockets_{settings, conversations_},
      host_{family, settings, sockets_}, start_{host_.now()}, last_{start_} {
    sockets_.attach(host_);
}

void Player::play() {
    unsigned line = 0;
    try {
        for (const Event& event : script_.events) {
            line = event.line;
            std::visit([&](const auto& what) { play(event, what); }, event.what);
        }
        refuse_unexpected(line, never);
        if (!waiting_.empty()) {
            throw Failure{waiting_.front().event->line, "the call has not returned by the end"};
        }
        if (const std::string leak = host_.leaks(); !leak.empty()) {
            throw Failure{line, "after the end: " + leak};
        }
    } catch (const Failure&) {
        throw;
    } catch (const std::exception& error) {
        throw Failure{line, error.what()};
    }
}

// --------------------------------------------------------------------------------------- time

Instant Player::instant(const Time& time, Duration of) const {
    return (time.kind == Time::Kind::absolute ? start_ : last_) + of;
}

std::string Player::clock(Instant at) const {
    char text[32];
    std::snprintf(text, sizeof text, "%.6f", std::chrono::duration<double>(at - start_).count());
    return text;
}

std::string Player::line_of(const Sent& sent) const {
    return clock(sent.at) + " > " + text_of(conversations_.to_script(sent.packet));
}

void Player::step(Instant limit) {
    host_.step(limit);
    for (const Sent& sent : host_.sent) {
        conversations_.notice(sent.packet);
    }
    look_after_waiting();
}

/// Up to the moment of an event that is not a packet from the stack.
void Player::advance(const Event& event) {
    const Instant at = instant(event.time, event.time.from);
    if (event.time.kind == Time::Kind::any || event.time.to) {
        throw Failure{event.line, "only what the stack sends can have such a time"};
    }
    if (at < last_) {
        throw Failure{event.line, "time does not go back"};
    }
    while (host_.now() < at) {
        step(at);
        refuse_unexpected(event.line, at);
    }
    last_ = at;
}

/// What was sent before `before` cannot be meant by any line from this one on.
void Player::refuse_unexpected(unsigned line, Instant before) const {
    const Duration slack = before == never ? 0ns : settings_.tolerance;
    if (!host_.sent.empty() && host_.sent.front().at + slack < before) {
        throw Failure{line, "before this line (or at the end) the stack sent what nothing expects\n"
                            "  sent      " +
                                line_of(host_.sent.front())};
    }
}

// ------------------------------------------------------------------------------------- events

void Player::play(const Event& event, const Inbound& inbound) {
    advance(event);
    host_.arrives(frame_of(host_.family(), conversations_.to_live(inbound.segment)));
    step(host_.now());
}

void Player::play(const Event& event, const IcmpError& error) {
    advance(event);
    host_.arrives(frame_of(host_.family(), error, conversations_.quoted(error.quoted)));
    step(host_.now());
}

void Player::play(const Event& event, const Outbound& outbound) {
    const bool any = event.time.kind == Time::Kind::any;
    const Instant first = instant(event.time, event.time.from);
    const Instant last = instant(event.time, event.time.to.value_or(event.time.from));
    const Instant latest = any ? host_.now() + patience : last + settings_.tolerance;
    while (host_.sent.empty() && host_.now() < latest) {
        step(latest);
    }
    const std::string expected = (any ? "*" : clock(first)) +
                                 (event.time.to ? "~" + clock(last) : "") + " > " +
                                 text_of(outbound.segment);
    if (host_.sent.empty()) {
        throw Failure{event.line, "the stack sent nothing\n  expected  " + expected +
                                      "\n  sent      nothing until " + clock(latest)};
    }
    const Sent sent = host_.sent.front();
    const Segment segment = conversations_.to_script(sent.packet, outbound.segment);
    const auto fail = [&](const std::string& what) {
        throw Failure{event.line, "wrong " + what + "\n  expected  " + expected + "\n  sent      " +
                                      line_of(sent)};
    };
    if (const std::string wrong = difference(outbound.segment, segment); !wrong.empty()) {
        fail(wrong);
    }
    if (!any && (sent.at + settings_.tolerance < first || sent.at > latest)) {
        fail("time");
    }
    for (std::uint32_t i = 0; i < segment.length; ++i) {
        if (sent.packet.payload[i] != text_at(*sent.packet.segment.seq + i)) {
            fail("text");
        }
    }
    last_ = std::max(last_, sent.at);
    host_.sent.pop_front();
}

void Player::play(const Event& event, const Call& call) {
    advance(event);
    const Outcome outcome = sockets_.call(call, event.line, false);
    step(host_.now());
    if (event.time.call_ends && outcome.waits) {
        waiting_.push_back({&event, instant(event.time, *event.time.call_ends)});
        if (event.time.kind == Time::Kind::relative) {
            // Both ends of a relative range count from the event before.
            waiting_.back().ends = last_ - event.time.from + *event.time.call_ends;
        }
        return;
    }
    expect_result(event, call, outcome);
}

void Player::expect_result(const Event& event, const Call& call, const Outcome& outcome) const {
    const bool right =
        !outcome.waits &&
        (!call.result || (*call.result == outcome.value && call.error == outcome.error));
    if (!right) {
        const std::string wanted =
            call.result ? result_text({*call.result, call.error, false}) : "?";
        throw Failure{event.line, "wrong result of " + call.name + "()\n  expected  " + wanted +
                                      "\n  returned  " + result_text(outcome)};
    }
}

/// Tries calls that block again.
void Player::look_after_waiting() {
    std::vector<Waiting> still;
    for (const Waiting& waiting : std::exchange(waiting_, {})) {
        const Call& call = std::get<Call>(waiting.event->what);
        const Outcome outcome = sockets_.call(call, waiting.event->line, true);
        const bool late = host_.now() > waiting.ends + settings_.tolerance;
        const bool early = host_.now() + settings_.tolerance < waiting.ends;
        if (outcome.waits && !late) {
            still.push_back(waiting);
            continue;
        }
        if (early || late) {
            throw Failure{waiting.event->line,
                          call.name + "() should return at " + clock(waiting.ends) + "; at " +
                              clock(host_.now()) + ": " + result_text(outcome)};
        }
        expect_result(*waiting.event, call, outcome);
    }
    waiting_.insert(waiting_.end(), still.begin(), still.end());
}

void Player::play(const Event& event, const Assertion& assertion) {
    advance(event);
    const std::string value = value_of(assertion, event.line);
    if (!holds(value, assertion.comparison, assertion.value)) {
        throw Failure{event.line, "wrong " + assertion.name + "\n  expected  " +
                                      assertion.comparison + " " + assertion.value +
                                      "\n  it is     " + value};
    }
}

std::string Player::value_of(const Assertion& assertion, unsigned line) {
    std::string name = assertion.name;
    const unsigned conversation = take_conversation(name);
    const Ports ports = conversations_.ports(conversation);
    if (name == "tcp_state") {
        return std::string{tcp::name(host_.state(ports))};
    }
    if (name == "iss_step") {
        return std::to_string(conversations_.iss_step(conversation));
    }
    if (const auto counter = host_.counter(name)) {
        return std::to_string(*counter);
    }
    const tcp::Tcb* const tcb = sockets_.tcb(ports);
    const auto value = field(tcb == nullptr ? tcp::Tcb{} : *tcb, name);
    if (!value) {
        throw Failure{line, "there is nothing called " + name};
    }
    return tcb == nullptr ? "nothing: there is no connection" : std::to_string(*value);
}

} // namespace millrace::script
