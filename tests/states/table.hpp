#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The table of states and segments (table.txt, which says how it is read).
namespace millrace::states {

/// A number of the table: one that the state gives a value, and what is added to it.
struct Number {
    std::string name;
    std::uint32_t plus = 0;
};

/// A kind of segment.
struct Kind {
    unsigned line = 0;
    std::string name;
    std::string flags; ///< As in packet scripts.
    Number seq;
    std::uint32_t length = 0;
    std::optional<Number> ack;
};

/// What one kind of segment does in one state.
struct Row {
    unsigned line = 0;
    std::string segment;
    std::string reply;
    std::string next;
    std::string rule; ///< Where it is written.
};

struct State {
    unsigned line = 0;
    std::string name;             ///< "SYN-RECEIVED, simultaneous open"
    std::vector<std::string> way; ///< The packet script that leads there.
    std::uint32_t next = 0;       ///< RCV.NXT
    std::uint32_t una = 0;        ///< SND.UNA
    std::uint32_t nxt = 0;        ///< SND.NXT
    std::vector<Row> rows;

    /// The RFC's name for it.
    [[nodiscard]] std::string rfc_name() const { return name.substr(0, name.find(',')); }
};

struct Table {
    std::vector<Kind> kinds;
    std::vector<State> states;
};

class Error : public std::runtime_error {
  public:
    Error(unsigned line, const std::string& text)
        : std::runtime_error{std::to_string(line) + ": " + text} {}
};

/// Reads a table. Throws `Error`.
[[nodiscard]] Table parse(std::string_view text);

/// Every pair of state and segment that has no row, or more than one, in words.
[[nodiscard]] std::vector<std::string> pairs_amiss(const Table& table);

/// The packet script that shows a row: the way to its state, the segment, the reply and what the
/// state is then. Throws `Error` for a row that says something unknown.
[[nodiscard]] std::string script_of(const Table& table, const State& state, const Row& row);

} // namespace millrace::states
