#include "table.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace millrace::states {

namespace {

/// The columns of a line: what two blanks or more stand between.
std::vector<std::string> columns(std::string_view line) {
    std::vector<std::string> found;
    while (true) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line.empty()) {
            return found;
        }
        const std::string_view column = line.substr(0, line.find("  "));
        found.emplace_back(column);
        line.remove_prefix(column.size());
    }
}

std::uint32_t number(std::string_view text, unsigned line) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw Error{line, '"' + std::string{text} + "\" is no number"};
    }
    return value;
}

/// "next", "next+100", "una-1", "0".
Number named_number(std::string_view text, unsigned line) {
    const std::size_t sign = text.find_first_of("+-");
    Number result{std::string{text.substr(0, sign)}, 0};
    if (sign != std::string_view::npos) {
        const std::uint32_t by = number(text.substr(sign + 1), line);
        result.plus = text[sign] == '+' ? by : 0U - by;
    }
    return result;
}

std::uint32_t value(const Number& of, const State& state, unsigned line) {
    if (of.name == "next") {
        return state.next + of.plus;
    }
    if (of.name == "una") {
        return state.una + of.plus;
    }
    if (of.name == "nxt") {
        return state.nxt + of.plus;
    }
    return number(of.name, line) + of.plus;
}

class Parser {
  public:
    Table parse(std::string_view text) {
        std::istringstream lines{std::string{text}};
        std::string line;
        while (std::getline(lines, line)) {
            ++line_;
            if (!line.empty() && line.front() != '#') {
                take(line);
            }
        }
        return std::move(table_);
    }

  private:
    void take(const std::string& line) {
        const std::vector<std::string> words = columns(line);
        if (words.front() == "segment") {
            take_kind(words);
        } else if (words.front() == "state") {
            expect(words, 5);
            State state{.line = line_, .name = words[1]};
            state.next = number(words[2], line_);
            state.una = number(words[3], line_);
            state.nxt = number(words[4], line_);
            table_.states.push_back(std::move(state));
        } else if (table_.states.empty()) {
            throw Error{line_, "a state comes first"};
        } else if (words.front() == "after") {
            expect(words, 2);
            table_.states.back().way = state_named(words[1]).way;
        } else if (line.front() == '|') {
            table_.states.back().way.push_back(line.substr(line.find_first_not_of("| ")));
        } else {
            expect(words, 4);
            table_.states.back().rows.push_back({line_, words[0], words[1], words[2], words[3]});
        }
    }

    void take_kind(const std::vector<std::string>& words) {
        expect(words, 6);
        Kind kind{.line = line_, .name = words[1], .flags = words[2]};
        kind.seq = named_number(words[3], line_);
        kind.length = number(words[4], line_);
        if (words[5] != "-") {
            kind.ack = named_number(words[5], line_);
        }
        table_.kinds.push_back(std::move(kind));
    }

    void expect(const std::vector<std::string>& words, std::size_t count) const {
        if (words.size() != count) {
            throw Error{line_, "wants " + std::to_string(count) +
                                   " columns, with two blanks or "
                                   "more between them"};
        }
    }

    const State& state_named(const std::string& name) {
        const auto found = std::ranges::find(table_.states, name, &State::name);
        if (found == table_.states.end()) {
            throw Error{line_, "no state is called " + name};
        }
        return *found;
    }

    Table table_;
    unsigned line_ = 0;
};

/// The segment, with the numbers that its kind has in this state.
struct Numbered {
    std::string flags;
    std::uint32_t seq = 0;
    std::uint32_t length = 0;
    std::optional<std::uint32_t> ack;

    [[nodiscard]] std::uint32_t end() const {
        const auto controls = static_cast<std::uint32_t>(
            std::ranges::count_if(flags, [](char flag) { return flag == 'S' || flag == 'F'; }));
        return seq + length + controls;
    }

    [[nodiscard]] std::string text() const {
        std::string line = flags + ' ' + std::to_string(seq) + ':' + std::to_string(seq + length) +
                           '(' + std::to_string(length) + ')';
        return ack ? line + " ack " + std::to_string(*ack) : line;
    }
};

Numbered numbered(const Kind& kind, const State& state) {
    Numbered result{kind.flags, value(kind.seq, state, kind.line), kind.length, {}};
    if (kind.ack) {
        result.ack = value(*kind.ack, state, kind.line);
    }
    return result;
}

std::string reply_line(const State& state, const Row& row, const Numbered& segment) {
    const auto sent = [](const std::string& flags, std::uint32_t seq,
                         std::optional<std::uint32_t> ack) {
        return "> " + Numbered{flags, seq, 0, ack}.text();
    };
    if (row.reply == "-") {
        return {};
    }
    if (row.reply == "ACK") {
        return "+0 " + sent(".", state.nxt, state.next) + '\n';
    }
    if (row.reply == "ACK it") {
        return "+0 " + sent(".", state.nxt, segment.end()) + '\n';
    }
    if (row.reply == "ACK it later") {
        return "+0.04 " + sent(".", state.nxt, segment.end()) + '\n';
    }
    if (row.reply == "SYN,ACK") {
        return "+0 " + sent("S.", 0, segment.seq + 1) + " <...>\n";
    }
    if (row.reply == "SYN,ACK new") {
        return "+0 > S. *:*(0) ack " + std::to_string(segment.seq + 1) + " <...>\n";
    }
    if (row.reply == "RST") {
        return "+0 " + sent("R", segment.ack.value_or(0), {}) + '\n';
    }
    if (row.reply == "RST,ACK") {
        return "+0 " + sent("R.", 0, segment.end()) + '\n';
    }
    throw Error{row.line, "there is no reply called " + row.reply};
}

/// LISTEN is no connection's: a new one shows that it is there.
std::string next_line(const Row& row) {
    constexpr std::string_view another = "+0.045 < [2] S 0:0(0) win 20000 <mss 1000>\n"
                                         "+0 > [2] S. 0:0(0) ack 1 <...>\n";
    const bool listens = row.next == "LISTEN";
    return "+0.045 %{ tcp_state == \"" + (listens ? "CLOSED" : row.next) + "\" }%\n" +
           (listens ? std::string{another} : std::string{});
}

} // namespace

Table parse(std::string_view text) {
    return Parser{}.parse(text);
}

std::vector<std::string> pairs_amiss(const Table& table) {
    std::vector<std::string> found;
    for (const State& state : table.states) {
        for (const Kind& kind : table.kinds) {
            const auto rows = std::ranges::count(state.rows, kind.name, &Row::segment);
            if (rows != 1) {
                found.push_back(state.name + " receives " + kind.name + ": " +
                                std::to_string(rows) + " rows");
            }
        }
    }
    return found;
}

std::string script_of(const Table& table, const State& state, const Row& row) {
    const auto kind = std::ranges::find(table.kinds, row.segment, &Kind::name);
    if (kind == table.kinds.end()) {
        throw Error{row.line, "no segment is called " + row.segment};
    }
    std::string script;
    for (const std::string& line : state.way) {
        script += line + '\n';
    }
    const Numbered segment = numbered(*kind, state);
    const bool is_syn = segment.flags.starts_with('S');
    script += "+0.1 < " + segment.text() + " win 20000" + (is_syn ? " <mss 1000>\n" : "\n");
    return script + reply_line(state, row, segment) + next_line(row);
}

} // namespace millrace::states
