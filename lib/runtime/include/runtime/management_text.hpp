#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::runtime {

/// Where text goes, whole lines at a time.
using TextSink = std::function<void(const std::string& lines)>;

/// Connections as `ss -tan` prints them. The first lines decide how wide the columns are, so that
/// any number of them passes through little memory.
class ConnectionTable {
  public:
    explicit ConnectionTable(TextSink out) : out_{std::move(out)} {}

    /// One line of the answer to `conns`.
    void add(const nlohmann::json& line);

    /// Prints what is left, and the heading where there was nothing.
    void finish();

  private:
    struct Row {
        std::string state;
        std::string receive_queue;
        std::string send_queue;
        std::string local_address;
        std::string local_port;
        std::string remote_address;
        std::string remote_port;
    };

    static constexpr std::size_t rows_for_widths = 500;

    static Row heading();
    void choose_widths();
    [[nodiscard]] std::string text_of(const Row& row) const;

    TextSink out_;
    std::vector<Row> first_rows_; ///< Until the widths are chosen.
    bool widths_chosen_ = false;
    std::size_t local_width_ = 0;
    std::size_t local_port_width_ = 0;
    std::size_t remote_width_ = 0;
};

/// Counters as lines of name and value below the name of their group.
class StatsText {
  public:
    /// Prints those whose "group.name" contains one of `wanted`, or all where that is empty.
    /// With `by_worker` what each worker has counted stands beside it.
    StatsText(TextSink out, std::vector<std::string> wanted, bool by_worker = false)
        : out_{std::move(out)}, wanted_{std::move(wanted)}, by_worker_{by_worker} {}

    /// One line of the answer to `stats`.
    void add(const nlohmann::json& line);

  private:
    [[nodiscard]] std::string heading(const nlohmann::json& line) const;
    [[nodiscard]] std::string values(const nlohmann::json& line) const;

    TextSink out_;
    std::vector<std::string> wanted_;
    bool by_worker_ = false;
    std::string group_;
};

/// Whether a counter is among those wanted; see StatsText.
[[nodiscard]] bool is_wanted(const nlohmann::json& line, const std::vector<std::string>& wanted);

} // namespace millrace::runtime
