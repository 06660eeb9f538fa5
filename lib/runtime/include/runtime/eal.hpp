#pragma once

#include "nic/log_capture.hpp"
#include "nic/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::runtime {

/// How DPDK's environment (EAL) is to be started.
struct EalOptions {
    enum class Hugepages : std::uint8_t {
        automatic, ///< When enough are free.
        on,        ///< A start without them is an error.
        off,
    };

    Hugepages hugepages = Hugepages::automatic;
    /// All there will be of ordinary memory; what hugepages start with.
    std::uint32_t memory_mb = 512;
    std::string file_prefix; ///< Empty: one of this process's own.
    /// EAL's form of a list of lcores; empty: one, on the CPUs that the calling thread may run on.
    std::string lcores;
    bool pci = false; ///< Look at the PCI bus: needed where a port is a PCI device.
    bool telemetry = false;
    /// What of DPDK's log goes to standard error.
    nic::LogLevel log_level = nic::LogLevel::critical;
    std::vector<std::string> arguments; ///< More of EAL's own, the last word.
};

/// The running environment: one for the life of the process, which cannot start a second.
///
/// Workers are threads of ours, not EAL's lcores: EAL gets one lcore, the calling thread's, with
/// that thread's CPUs. Workers can then share CPUs, come in any number, and be pinned by
/// configuration; each calls `register_worker_thread()` so that packet pools keep a cache for it.
/// The price: no secondary processes (`dpdk-proc-info`), for which telemetry stands in. Since there
/// are none, nothing is shared through files: ordinary memory is one anonymous file, hugepages are
/// taken unnamed, and a crash leaves nothing behind.
class Eal {
  public:
    static nic::Result<std::unique_ptr<Eal>> start(const EalOptions& options);
    /// Every port must be closed and all of EAL's memory given back.
    ~Eal();

    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    /// What the operator should know, a sentence each.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

    /// The command line that EAL was given.
    [[nodiscard]] const std::vector<std::string>& command_line() const { return command_line_; }

  private:
    Eal() = default;

    bool started_ = false;
    bool own_prefix_ = false;
    std::vector<std::string> notes_;
    std::vector<std::string> command_line_;
};

/// Makes the calling thread known to EAL; false when it has no place left (128 threads). The
/// thread's affinity must have been set. `unregister_worker_thread()` before the thread ends.
[[nodiscard]] bool register_worker_thread();
void unregister_worker_thread();

} // namespace millrace::runtime
