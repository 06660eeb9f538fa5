#include "table.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <sstream>

namespace millrace::goodput {

namespace {

constexpr std::array algorithms{tcp::CongestionAlgorithm::new_reno,
                                tcp::CongestionAlgorithm::cubic};
constexpr std::array algorithm_names{"newreno", "cubic"};

constexpr Duration length = 10s;

constexpr const char* head =
    "# Goodput of one transfer of 10 s, in kbit/s, from the end of the handshake on.\n"
    "# The path: 20 Mbit/s each way, a queue of 100,000 bytes before it that drops at its tail,\n"
    "# MTU 1500. Frames of data are lost at random; with reordering one in 20 takes a quarter of "
    "a\n"
    "# round trip longer. Where chance has a part, a cell is the mean of 8 runs, or of 16 from 1 "
    "%\n"
    "# of loss on. Rewritten by `goodput --write`.\n"
    "#\n"
    "# loss %  RTT ms  reordering  newreno    cubic\n";

LinkSettings link_of(const Row& row) {
    LinkSettings link;
    link.loss = row.loss_percent / 100;
    link.round_trip = std::chrono::milliseconds{row.round_trip_ms};
    link.reordering = row.reordering ? 0.05 : 0;
    link.detour = link.round_trip / 4;
    return link;
}

std::uint64_t runs_of(const Row& row) {
    if (row.loss_percent >= 1) {
        return 16;
    }
    return row.loss_percent > 0 || row.reordering ? 8 : 1;
}

std::uint32_t goodput(const Row& row, tcp::CongestionAlgorithm algorithm) {
    std::uint64_t bytes = 0;
    const std::uint64_t runs = runs_of(row);
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
        bytes += received_bytes({link_of(row), algorithm, length, seed});
    }
    const auto ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(length).count());
    return static_cast<std::uint32_t>(bytes * 8 / (runs * ms));
}

bool same_path(const Row& a, const Row& b) {
    return a.loss_percent == b.loss_percent && a.round_trip_ms == b.round_trip_ms &&
           a.reordering == b.reordering;
}

std::string path_text(const Row& row) {
    return fmt::format("{:>8}  {:>6}  {:>10}", row.loss_percent, row.round_trip_ms,
                       row.reordering ? "on" : "off");
}

} // namespace

std::vector<Row> paths() {
    std::vector<Row> rows;
    for (const bool reordering : {false, true}) {
        for (const double loss_percent : {0.0, 0.1, 1.0, 3.0, 10.0}) {
            for (const std::uint32_t round_trip_ms : {1U, 20U, 100U}) {
                rows.push_back({loss_percent, round_trip_ms, reordering, {}});
            }
        }
    }
    return rows;
}

void measure(Row& row) {
    for (std::size_t i = 0; i < algorithms.size(); ++i) {
        row.kbit_per_second[i] = goodput(row, algorithms[i]);
    }
}

std::string to_text(const std::vector<Row>& rows) {
    std::string text = head;
    for (const Row& row : rows) {
        text += fmt::format("{}  {:>7}  {:>7}\n", path_text(row), row.kbit_per_second[0],
                            row.kbit_per_second[1]);
    }
    return text;
}

std::vector<Row> from_text(const std::string& text) {
    std::vector<Row> rows;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        std::istringstream words{line};
        Row row;
        std::string reordering;
        words >> row.loss_percent >> row.round_trip_ms >> reordering >> row.kbit_per_second[0] >>
            row.kbit_per_second[1];
        row.reordering = reordering == "on";
        if (!words || (!row.reordering && reordering != "off")) {
            return {};
        }
        rows.push_back(row);
    }
    return rows;
}

std::string what_changed(const std::vector<Row>& table, const std::vector<Row>& now) {
    std::string text;
    for (const Row& row : now) {
        const auto before =
            std::ranges::find_if(table, [&](const Row& other) { return same_path(row, other); });
        if (before == table.end()) {
            text += path_text(row) + ": is not in the table\n";
            continue;
        }
        for (std::size_t i = 0; i < algorithms.size(); ++i) {
            const std::uint64_t was = before->kbit_per_second[i];
            const std::uint64_t is = row.kbit_per_second[i];
            if (is * 10 < was * 9 || is * 10 > was * 11) {
                text += fmt::format("{}  {}: {} kbit/s, {} in the table\n", path_text(row),
                                    algorithm_names[i], is, was);
            }
        }
    }
    if (table.size() != now.size()) {
        text += fmt::format("{} paths, {} in the table\n", now.size(), table.size());
    }
    return text;
}

} // namespace millrace::goodput
