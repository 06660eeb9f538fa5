#include "nearest.hpp"
#include "runtime/connections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <charconv>
#include <utility>
#include <vector>

namespace millrace::runtime {

namespace {

using tcp::State;
using Predicate = ConnectionFilter::Predicate;
using StateSet = std::bitset<16>;

StateSet set_of(std::initializer_list<State> states) {
    StateSet set;
    for (const State state : states) {
        set.set(static_cast<std::size_t>(state));
    }
    return set;
}

struct NamedStates {
    std::string_view name;
    StateSet states;
};

const std::vector<NamedStates>& named_states() {
    static const StateSet all = StateSet{}.set();
    static const StateSet connected = all & ~set_of({State::listen, State::closed});
    static const StateSet bucket = set_of({State::syn_received, State::time_wait});
    static const std::vector<NamedStates> names{
        {"established", set_of({State::established})},
        {"estab", set_of({State::established})},
        {"syn-sent", set_of({State::syn_sent})},
        {"syn-recv", set_of({State::syn_received})},
        {"syn-received", set_of({State::syn_received})},
        {"fin-wait-1", set_of({State::fin_wait_1})},
        {"fin-wait-2", set_of({State::fin_wait_2})},
        {"time-wait", set_of({State::time_wait})},
        {"closed", set_of({State::closed})},
        {"close-wait", set_of({State::close_wait})},
        {"last-ack", set_of({State::last_ack})},
        {"listening", set_of({State::listen})},
        {"listen", set_of({State::listen})},
        {"closing", set_of({State::closing})},
        {"all", all},
        {"connected", connected},
        {"synchronized", connected & ~set_of({State::syn_sent})},
        {"bucket", bucket},
        {"big", all & ~bucket},
    };
    return names;
}

enum class Comparison : std::uint8_t { equal, unequal, less, greater, at_most, at_least };

struct NamedComparison {
    std::string_view name;
    Comparison comparison;
};

constexpr std::array comparisons{
    NamedComparison{"=", Comparison::equal},     NamedComparison{"==", Comparison::equal},
    NamedComparison{"eq", Comparison::equal},    NamedComparison{"!=", Comparison::unequal},
    NamedComparison{"ne", Comparison::unequal},  NamedComparison{"neq", Comparison::unequal},
    NamedComparison{"<", Comparison::less},      NamedComparison{"lt", Comparison::less},
    NamedComparison{">", Comparison::greater},   NamedComparison{"gt", Comparison::greater},
    NamedComparison{"<=", Comparison::at_most},  NamedComparison{"le", Comparison::at_most},
    NamedComparison{"leq", Comparison::at_most}, NamedComparison{">=", Comparison::at_least},
    NamedComparison{"ge", Comparison::at_least}, NamedComparison{"geq", Comparison::at_least},
};

bool holds(Comparison comparison, unsigned left, unsigned right) {
    switch (comparison) {
    case Comparison::equal:
        return left == right;
    case Comparison::unequal:
        return left != right;
    case Comparison::less:
        return left < right;
    case Comparison::greater:
        return left > right;
    case Comparison::at_most:
        return left <= right;
    case Comparison::at_least:
        return left >= right;
    }
    return false;
}

std::string lower(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return result;
}

std::optional<std::uint16_t> port_from_string(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return port;
}

/// ADDRESS[/LENGTH][:PORT] taken apart; either part may be missing.
struct Place {
    std::optional<IpPrefix> network;
    std::optional<std::uint16_t> port;
};

std::optional<IpPrefix> network_from_string(std::string_view text) {
    if (const auto prefix = prefix_from_string(text)) {
        return prefix;
    }
    const auto address = ip_from_string(text);
    if (!address) {
        return std::nullopt;
    }
    return prefix_from_string(fmt::format("{}/{}", text, is_ipv6(*address) ? 128 : 32));
}

std::optional<Place> place_from_string(std::string_view text) {
    Place place;
    std::string host{text};
    const auto colon = text.rfind(':');
    // An IPv6 address has colons of its own; with a port it stands in brackets.
    const bool bracketed = text.starts_with('[');
    const bool has_port = colon != std::string_view::npos &&
                          (bracketed ? text.find(']') < colon : text.find(':') == colon);
    if (has_port) {
        host.resize(colon);
        if (text.substr(colon + 1) != "*") {
            place.port = port_from_string(text.substr(colon + 1));
            if (!place.port) {
                return std::nullopt;
            }
        }
    }
    std::erase_if(host, [](char letter) { return letter == '[' || letter == ']'; });
    if (!host.empty() && host != "*") {
        place.network = network_from_string(host);
        if (!place.network) {
            return std::nullopt;
        }
    }
    return place;
}

bool matches(const Place& place, const Endpoint& endpoint) {
    return (!place.network || contains(*place.network, endpoint.address)) &&
           (!place.port || *place.port == endpoint.port);
}

/// What a letter of a filter belongs to; letters of one kind in a row make a word.
enum class LetterKind : std::uint8_t { space, parenthesis, comparison, other };

LetterKind kind_of(char letter) {
    switch (letter) {
    case ' ':
        return LetterKind::space;
    case '(':
    case ')':
        return LetterKind::parenthesis;
    case '=':
    case '!':
    case '<':
    case '>':
        return LetterKind::comparison;
    default:
        return LetterKind::other;
    }
}

/// The words of a filter, however the shell has divided them.
std::vector<std::string> tokens_of(std::span<const std::string> words) {
    std::vector<std::string> tokens;
    for (const std::string& word : words) {
        LetterKind before = LetterKind::space;
        for (const char letter : word) {
            const LetterKind kind = kind_of(letter);
            if (kind != before || kind == LetterKind::parenthesis) {
                tokens.emplace_back();
            }
            tokens.back() += letter;
            before = kind;
        }
    }
    std::erase_if(tokens, [](const std::string& token) { return token.front() == ' '; });
    return tokens;
}

/// Descends through an expression. What is wrong is kept; everything after it is ignored.
class Parser {
  public:
    explicit Parser(std::vector<std::string> tokens) : tokens_{std::move(tokens)} {}

    Predicate parse() {
        Predicate states = parse_states();
        if (at_end() || failed()) {
            return states;
        }
        Predicate expression = parse_either(0);
        if (!at_end()) {
            fail(fmt::format("\"{}\" is not expected here", peek()));
        }
        return both(std::move(states), std::move(expression));
    }

    [[nodiscard]] bool failed() const { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    static constexpr int depth_max = 32;

    [[nodiscard]] bool at_end() const { return position_ == tokens_.size(); }
    [[nodiscard]] std::string peek() const { return at_end() ? std::string{} : tokens_[position_]; }

    std::string take() { return at_end() ? std::string{} : tokens_[position_++]; }

    bool take_if(std::initializer_list<std::string_view> words) {
        if (std::find(words.begin(), words.end(), peek()) == words.end() || at_end()) {
            return false;
        }
        ++position_;
        return true;
    }

    void fail(std::string why) {
        if (!failed()) {
            error_ = std::move(why);
        }
        position_ = tokens_.size();
    }

    static Predicate both(Predicate left, Predicate right) {
        if (!left) {
            return right;
        }
        return [left = std::move(left), right = std::move(right)](const ConnectionInfo& each) {
            return left(each) && right(each);
        };
    }

    Predicate parse_states() {
        StateSet wanted;
        StateSet unwanted;
        bool chosen = false;
        while (peek() == "state" || peek() == "exclude") {
            const bool is_wanted = take() == "state";
            const StateSet states = parse_state();
            (is_wanted ? wanted : unwanted) |= states;
            chosen = chosen || is_wanted;
        }
        if (!chosen && unwanted.none()) {
            return {};
        }
        const StateSet set = (chosen ? wanted : StateSet{}.set()) & ~unwanted;
        return [set](const ConnectionInfo& each) {
            return set.test(static_cast<std::size_t>(each.state));
        };
    }

    StateSet parse_state() {
        const std::string word = take();
        std::vector<std::string_view> names;
        for (const NamedStates& each : named_states()) {
            if (each.name == lower(word)) {
                return each.states;
            }
            names.push_back(each.name);
        }
        const std::string_view near = nearest(lower(word), names);
        fail(near.empty() ? fmt::format("\"{}\" is not a state; the states are {}", word,
                                        fmt::join(names, ", "))
                          : fmt::format("\"{}\" is not a state; did you mean \"{}\"?", word, near));
        return {};
    }

    Predicate parse_either(int depth) {
        Predicate left = parse_both(depth);
        while (take_if({"or", "||", "|"})) {
            left = [left = std::move(left), right = parse_both(depth)](const ConnectionInfo& each) {
                return left(each) || right(each);
            };
        }
        return left;
    }

    Predicate parse_both(int depth) {
        Predicate left = parse_unary(depth);
        while (!at_end() && peek() != ")" && peek() != "or" && peek() != "||" && peek() != "|") {
            (void)take_if({"and", "&&", "&"});
            left = both(std::move(left), parse_unary(depth));
        }
        return left;
    }

    Predicate parse_unary(int depth) {
        if (depth > depth_max) {
            fail("the filter is nested too deep");
            return {};
        }
        if (take_if({"not", "!"})) {
            return [inner = parse_unary(depth + 1)](const ConnectionInfo& each) {
                return !inner(each);
            };
        }
        if (take_if({"("})) {
            Predicate inner = parse_either(depth + 1);
            if (!take_if({")"})) {
                fail("a \")\" is missing");
            }
            return inner;
        }
        return parse_term();
    }

    Predicate parse_term() {
        const std::string word = take();
        if (word == "src" || word == "dst") {
            return parse_place(word == "src" ? &ConnectionInfo::local : &ConnectionInfo::remote,
                               word);
        }
        if (word == "sport" || word == "dport") {
            return parse_port(word == "sport" ? &ConnectionInfo::local : &ConnectionInfo::remote,
                              word);
        }
        if (word == "service") {
            (void)take_if({"=", "==", "eq"});
            if (at_end()) {
                fail("\"service\" needs a name, as in: service http");
            }
            return [name = take()](const ConnectionInfo& each) { return each.service == name; };
        }
        fail(word.empty() ? std::string{"the filter ends too early"}
                          : fmt::format("\"{}\" is not known; a filter is made of state, exclude, "
                                        "src, dst, sport, dport, service, and, or, not, ( )",
                                        word));
        return {};
    }

    std::optional<Comparison> parse_comparison() {
        for (const NamedComparison& each : comparisons) {
            if (take_if({each.name})) {
                return each.comparison;
            }
        }
        return std::nullopt;
    }

    Predicate parse_place(Endpoint ConnectionInfo::*end, const std::string& term) {
        const Comparison comparison = parse_comparison().value_or(Comparison::equal);
        const std::string word = take();
        const auto place = place_from_string(word);
        if (word.empty() || !place ||
            (comparison != Comparison::equal && comparison != Comparison::unequal)) {
            fail(fmt::format("\"{}\" needs an address, as in: {} 198.18.0.1, {} 198.18.0.0/24 or "
                             "{} [2001:db8::1]:80",
                             term, term, term, term));
            return {};
        }
        return [end, place = *place, wanted = comparison == Comparison::equal](
                   const ConnectionInfo& each) { return matches(place, each.*end) == wanted; };
    }

    Predicate parse_port(Endpoint ConnectionInfo::*end, const std::string& term) {
        const Comparison comparison = parse_comparison().value_or(Comparison::equal);
        std::string word = take();
        if (word.starts_with(':')) {
            word.erase(0, 1);
        }
        const auto port = port_from_string(word);
        if (!port) {
            fail(fmt::format("\"{}\" needs a port number, as in: {} = :80", term, term));
            return {};
        }
        return [end, comparison, port = *port](const ConnectionInfo& each) {
            return holds(comparison, (each.*end).port, port);
        };
    }

    std::vector<std::string> tokens_;
    std::size_t position_ = 0;
    std::string error_;
};

} // namespace

std::string_view ss_name(tcp::State state) {
    switch (state) {
    case State::closed:
        return "UNCONN";
    case State::listen:
        return "LISTEN";
    case State::syn_sent:
        return "SYN-SENT";
    case State::syn_received:
        return "SYN-RECV";
    case State::established:
        return "ESTAB";
    case State::fin_wait_1:
        return "FIN-WAIT-1";
    case State::fin_wait_2:
        return "FIN-WAIT-2";
    case State::close_wait:
        return "CLOSE-WAIT";
    case State::closing:
        return "CLOSING";
    case State::last_ack:
        return "LAST-ACK";
    case State::time_wait:
        return "TIME-WAIT";
    }
    return "UNKNOWN";
}

ConnectionFilter::Parsed ConnectionFilter::parse(std::span<const std::string> words) {
    Parser parser{tokens_of(words)};
    Parsed result;
    result.filter.predicate_ = parser.parse();
    result.error = parser.error();
    return result;
}

} // namespace millrace::runtime
