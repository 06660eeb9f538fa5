#include "lexer.hpp"
#include "script.hpp"

#include "wire/tcp.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace millrace::script {

namespace {

namespace kind = wire::tcp_option;

constexpr std::uint64_t u32 = UINT32_MAX;
constexpr std::uint64_t u16 = UINT16_MAX;

std::optional<std::uint32_t> number_or_any(Lexer& in, std::uint64_t most = u32) {
    if (in.take("*")) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(in.number(most));
}

Option parse_sack(Lexer& in) {
    Option option{kind::sack, {}};
    do {
        option.values.push_back(number_or_any(in));
        in.expect(":");
        option.values.push_back(number_or_any(in));
    } while (!in.at(",") && !in.at(">"));
    return option;
}

Option parse_timestamps(Lexer& in) {
    in.expect("val");
    const auto val = number_or_any(in);
    in.expect("ecr");
    return {kind::timestamps, {val, number_or_any(in)}};
}

/// Any other kind, by its number and bytes: `option 253 1 2`.
Option parse_unknown(Lexer& in) {
    Option option{static_cast<std::uint8_t>(in.number(255)), {}, true};
    while (!in.at(",") && !in.at(">")) {
        option.values.push_back(number_or_any(in, 255));
    }
    return option;
}

Option parse_option(Lexer& in) {
    if (in.take_word("nop")) {
        return {kind::nop, {}};
    }
    if (in.take_word("eol")) {
        return {kind::end, {}};
    }
    if (in.take_word("mss")) {
        return {kind::mss, {number_or_any(in, u16)}};
    }
    if (in.take_word("wscale")) {
        return {kind::window_scale, {number_or_any(in, 255)}};
    }
    if (in.take_word("sackOK")) {
        return {kind::sack_permitted, {}};
    }
    if (in.take_word("sack")) {
        return parse_sack(in);
    }
    if (in.take_word("TS")) {
        return parse_timestamps(in);
    }
    if (in.take_word("option")) {
        return parse_unknown(in);
    }
    in.fail("an option");
}

void parse_options(Lexer& in, Segment& segment) {
    if (in.take("...")) {
        segment.any_options = true;
    } else {
        do {
            segment.options.push_back(parse_option(in));
        } while (in.take(","));
    }
    in.expect(">");
}

/// What stands in brackets before the flags: a connection's number, the ECN field, and so on.
void parse_bracket(Lexer& in, Segment& segment) {
    constexpr std::array<std::pair<std::string_view, wire::Ecn>, 4> ecn{
        {{"noecn", wire::Ecn::not_capable},
         {"ect0", wire::Ecn::capable_0},
         {"ect1", wire::Ecn::capable_1},
         {"ce", wire::Ecn::congestion}}};
    do {
        if (in.peek() >= '0' && in.peek() <= '9') {
            segment.conversation = static_cast<unsigned>(in.number(999));
            continue;
        }
        const std::string word = in.word();
        const auto known = std::ranges::find(ecn, word, &decltype(ecn)::value_type::first);
        if (known != ecn.end()) {
            segment.ecn = known->second;
        } else if (word == "bad_checksum") {
            segment.bad_checksum = true;
        } else {
            in.fail("a connection's number, noecn, ect0, ect1, ce or bad_checksum");
        }
    } while (in.take(","));
    in.expect("]");
}

void parse_sequence(Lexer& in, Segment& segment) {
    segment.seq = number_or_any(in);
    in.expect(":");
    const auto end = number_or_any(in);
    in.expect("(");
    segment.length = static_cast<std::uint32_t>(in.number(u16));
    in.expect(")");
    const bool adds_up =
        segment.seq ? end && *end == *segment.seq + segment.length : !end.has_value();
    if (!adds_up) {
        throw Failure{in.line(), "the last sequence number is not the first plus the length"};
    }
}

IcmpError::Kind parse_icmp_kind(Lexer& in) {
    using Kind = IcmpError::Kind;
    constexpr std::array<std::pair<std::string_view, Kind>, 5> unreachable{
        {{"net_unreachable", Kind::net_unreachable},
         {"host_unreachable", Kind::host_unreachable},
         {"port_unreachable", Kind::port_unreachable},
         {"admin_prohibited", Kind::admin_prohibited},
         {"frag_needed", Kind::frag_needed}}};
    in.expect("icmp");
    if (in.take_word("time_exceeded")) {
        return Kind::time_exceeded;
    }
    in.expect("unreachable");
    for (const auto& [name, kind_of_error] : unreachable) {
        if (in.take_word(name)) {
            return kind_of_error;
        }
    }
    in.fail("what is unreachable");
}

IcmpError parse_icmp(Lexer& in) {
    IcmpError error;
    in.expect("[");
    parse_sequence(in, error.quoted);
    in.expect("]");
    error.kind = parse_icmp_kind(in);
    if (error.kind == IcmpError::Kind::frag_needed) {
        in.expect("mtu");
        error.mtu = static_cast<std::uint16_t>(in.number(u16));
    }
    return error;
}

/// A quoted segment stands in brackets, and has a colon.
bool at_quote(const Lexer& in) {
    Lexer ahead = in;
    return ahead.take("[") && ahead.until("]").find(':') != std::string_view::npos;
}

Segment parse_segment(Lexer& in) {
    Segment segment;
    while (in.take("[")) {
        parse_bracket(in, segment);
    }
    const std::string_view letters = in.until(" \t");
    const auto flags = flags_of(letters);
    if (!flags) {
        throw Failure{in.line(), "unknown flags \"" + std::string{letters} + "\""};
    }
    segment.flags = *flags;
    static_cast<void>(in.take(" "));
    parse_sequence(in, segment);
    if (segment.has(wire::tcp_flag::ack)) {
        in.expect("ack");
        segment.ack = number_or_any(in);
    }
    if (in.take_word("win")) {
        segment.window = static_cast<std::uint16_t>(in.number(u16));
    }
    if (in.take_word("urg")) {
        segment.urgent = static_cast<std::uint16_t>(in.number(u16));
    }
    if (in.take("<")) {
        parse_options(in, segment);
    }
    return segment;
}

Inbound parse_inbound(Lexer& in) {
    Inbound inbound{parse_segment(in)};
    Segment& segment = inbound.segment;
    const auto any = [](const Option& option) {
        return std::ranges::any_of(option.values, [](const auto& value) { return !value; });
    };
    const bool ack_missing = segment.has(wire::tcp_flag::ack) && !segment.ack;
    if (!segment.seq || ack_missing || segment.any_options ||
        std::ranges::any_of(segment.options, any)) {
        throw Failure{in.line(), "a segment that the peer sends must be said in full"};
    }
    if (!segment.window && !segment.has(wire::tcp_flag::rst)) {
        in.fail("\"win\"");
    }
    return inbound;
}

std::vector<std::string> parse_arguments(Lexer& in) {
    std::vector<std::string> arguments;
    in.expect("(");
    while (!in.take(")")) {
        std::string argument;
        if (in.at("[") || in.at("{")) {
            const std::string close = in.at("[") ? "]" : "}";
            argument = std::string{in.until(close)} + close;
            in.expect(close);
        } else {
            argument = in.until(",)");
        }
        arguments.push_back(argument);
        if (!in.at(")")) {
            in.expect(",");
        }
    }
    return arguments;
}

Call parse_call(Lexer& in) {
    Call call;
    call.name = in.word();
    call.arguments = parse_arguments(in);
    in.expect("=");
    if (in.take("?")) {
        return call;
    }
    const bool negative = in.take("-");
    const auto value = static_cast<std::int64_t>(in.number(u32));
    call.result = negative ? -value : value;
    if (negative) {
        call.error = in.word();
        static_cast<void>(in.rest()); // (the errno in words)
    }
    return call;
}

Assertion parse_assertion(Lexer& in) {
    Assertion assertion;
    assertion.name = in.word();
    for (const std::string_view comparison : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (in.take(comparison)) {
            assertion.comparison = comparison;
            break;
        }
    }
    if (assertion.comparison.empty()) {
        in.fail("a comparison");
    }
    if (in.take("\"")) {
        assertion.value = in.until("\"");
        in.expect("\"");
    } else {
        assertion.value = in.word();
    }
    return assertion;
}

Time parse_time(Lexer& in) {
    Time time;
    if (in.take("*")) {
        time.kind = Time::Kind::any;
        return time;
    }
    const bool starts = (in.peek() >= '0' && in.peek() <= '9') || in.at("+") || in.at(".");
    if (!starts) {
        return time; // Nothing is +0.
    }
    time.kind = in.take("+") ? Time::Kind::relative : Time::Kind::absolute;
    time.from = in.seconds();
    if (in.take("~")) {
        static_cast<void>(in.take("+"));
        time.to = in.seconds();
    } else if (in.take("...")) {
        time.call_ends = in.seconds();
    }
    return time;
}

void parse_event(Lexer& in, Script& script) {
    Event event{in.line(), parse_time(in), Call{}};
    if (in.take("<")) {
        if (at_quote(in)) {
            event.what = parse_icmp(in);
        } else {
            event.what = parse_inbound(in);
        }
    } else if (in.take(">")) {
        event.what = Outbound{parse_segment(in)};
    } else if (in.take("%{")) {
        do {
            event.what = parse_assertion(in);
            script.events.push_back(event);
            event.time = Time{};
        } while (in.take(";"));
        in.expect("}%");
        return;
    } else {
        event.what = parse_call(in);
    }
    if (!in.at_end()) {
        in.fail("the end of the line");
    }
    script.events.push_back(std::move(event));
}

void parse_setting(Lexer& in, Script& script) {
    if (!script.events.empty()) {
        throw Failure{in.line(), "settings stand before the first event"};
    }
    Setting setting{in.line(), in.word(), {}};
    in.expect("=");
    setting.value = in.rest();
    script.settings.push_back(std::move(setting));
}

} // namespace

Script parse(const std::string& path, const std::string& text) {
    Script script;
    script.path = path;
    std::istringstream lines{text};
    std::string whole;
    for (unsigned line = 1; std::getline(lines, whole); ++line) {
        const std::size_t comment = whole.find("//");
        if (comment != std::string::npos && script.title.empty()) {
            script.title = whole.substr(std::min(comment + 3, whole.size()));
        }
        Lexer in{line, std::string_view{whole}.substr(0, comment)};
        if (in.at_end()) {
            continue;
        }
        if (in.take("--")) {
            parse_setting(in, script);
        } else {
            parse_event(in, script);
        }
    }
    if (script.title.empty()) {
        throw Failure{1, "the first comment says which id of docs/behaviour.md the script shows"};
    }
    return script;
}

} // namespace millrace::script
