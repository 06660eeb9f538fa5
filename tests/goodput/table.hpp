#pragma once

#include "transfer.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/// The golden table: what one transfer achieves on each of many paths, kept as text beside this
/// file.
namespace millrace::goodput {

/// One line of the table.
struct Row {
    double loss_percent = 0;
    std::uint32_t round_trip_ms = 0;
    bool reordering = false;
    std::array<std::uint32_t, 2> kbit_per_second{}; ///< Of NewReno and of CUBIC.
};

/// Every path of the table, with no goodput yet.
[[nodiscard]] std::vector<Row> paths();

/// Runs the row's transfers and fills in what they achieve.
void measure(Row& row);

[[nodiscard]] std::string to_text(const std::vector<Row>& rows);

/// The rows of a table, or nothing when it cannot be read.
[[nodiscard]] std::vector<Row> from_text(const std::string& text);

/// Which cells of `now` are more than a tenth less or more than the table says, and which paths
/// only one of both has; one line each. What is better must be written down, or it could be lost
/// again.
[[nodiscard]] std::string what_changed(const std::vector<Row>& table, const std::vector<Row>& now);

} // namespace millrace::goodput
