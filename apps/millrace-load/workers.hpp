#pragma once

#include "load/conductor.hpp"
#include "options.hpp"
#include "runtime/counters.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace millrace::load {

/// Of this process, now.
[[nodiscard]] std::uint64_t resident_bytes();

/// All that loads: the port, and on each worker a pipeline whose services are the jobs' clients.
class Workers {
  public:
    /// Starts everything; the workers wait for orders when this returns. Or says why not.
    static std::variant<std::unique_ptr<Workers>, std::string> start(const Options& options);
    virtual ~Workers() = default;

    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// What a person should see of the start.
    [[nodiscard]] virtual const std::string& banner() const = 0;

    /// The jobs, whose shares live as long as this.
    [[nodiscard]] virtual std::vector<JobOnWorkers> jobs() const = 0;

    /// Bytes of memory that the process had, resident, before anything was there whose size depends
    /// on the number of connections.
    [[nodiscard]] virtual std::uint64_t resident_at_first() const = 0;

    virtual void register_counters(runtime::CounterRegistry& registry) const = 0;

    /// Ends every thread and closes the port; what was not given back, a sentence each. Once; the
    /// counters and shares stay readable.
    [[nodiscard]] virtual std::vector<std::string> stop() = 0;

  protected:
    Workers() = default;
};

} // namespace millrace::load
