#pragma once

#include "runtime/config.hpp"
#include "runtime/connections.hpp"
#include "runtime/counters.hpp"
#include "runtime/drain.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace millrace::runtime {

/// The appliance: what a configuration describes, running. Ports, content, workers and their
/// threads begin and end with it. Used by the control thread.
class Appliance final : public ConnectionSource, public Drainable {
  public:
    /// Starts everything; workers poll when this returns. The errors name the configuration's
    /// lines, and nothing is left behind when there are any. One appliance in a process.
    static std::variant<std::unique_ptr<Appliance>, ConfigError> start(const Config& config);
    ~Appliance() override;

    /// What the operator should see of the start: EAL's notes and each port's table of offloads.
    [[nodiscard]] const std::string& banner() const;

    /// Registers every counter there is; before anybody reads the registry.
    void register_counters(CounterRegistry& registry) const;

    // ConnectionSource
    std::optional<std::uint64_t> visit(std::uint64_t cursor, std::size_t slots_max,
                                       const Visitor& visitor) override;

    // Drainable
    void stop_listening() override;
    [[nodiscard]] std::size_t connections() const override;

    /// Keeps the services' time of day right; about once a second.
    void update_wall_clock();

    /// What was not given back when everything had ended.
    struct Leaks {
        std::vector<std::string> found; ///< A sentence each; none: every pool was full again.
    };

    /// Ends all connections, stops the workers, closes the ports, and looks whether every pool is
    /// full again. Once; the counters stay readable.
    [[nodiscard]] Leaks stop();

  private:
    struct State;
    explicit Appliance(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

} // namespace millrace::runtime
