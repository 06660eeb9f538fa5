#pragma once

#include "load/conductor.hpp"
#include "runtime/counters.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::load {

/// What standard error shows while a run goes on: a line every second and, on a terminal, a bar
/// below it.
class Live {
  public:
    /// `counters` outlive this.
    Live(const Conductor& conductor, const runtime::CounterRegistry& counters, Instant now,
         std::string_view operations);

    /// To be called often; prints what is due.
    void show(Conductor& conductor, Instant now);

    /// Takes the bar away.
    void end();

  private:
    [[nodiscard]] std::string line(Conductor& conductor, Instant now);
    void draw_bar(const Conductor& conductor, Instant now);
    void wipe_bar();
    [[nodiscard]] std::uint64_t counter(std::string_view group, std::string_view name) const;

    static constexpr Duration line_interval = 1s;
    static constexpr Duration bar_interval = 100ms;

    const runtime::CounterRegistry& counters_;
    std::string operations_;
    Instant began_;
    Instant last_line_;
    Instant last_bar_;
    JobSums before_;
    bool terminal_;
    bool bar_drawn_ = false;
};

} // namespace millrace::load
