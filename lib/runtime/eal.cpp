#include "runtime/eal.hpp"

#include "base/assert.hpp"
#include "runtime/eal_memory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string_view>

namespace millrace::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kb_per_mb = 1'024;
constexpr std::uint64_t bytes_per_mb = 1'024 * kb_per_mb;

/// What is free in hugepages of every size together, in MB.
std::uint64_t free_hugepages_mb() {
    std::uint64_t total_kb = 0;
    std::error_code error;
    for (const auto& directory : fs::directory_iterator{"/sys/kernel/mm/hugepages", error}) {
        unsigned long long page_kb = 0;
        if (std::sscanf(directory.path().filename().c_str(), "hugepages-%llukB", &page_kb) != 1) {
            continue;
        }
        std::uint64_t pages = 0;
        std::ifstream{directory.path() / "free_hugepages"} >> pages;
        total_kb += pages * page_kb;
    }
    return total_kb / kb_per_mb;
}

std::string lcore_on_allowed_cpus() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    std::vector<unsigned> cpus;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &allowed)) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus.empty() ? "0" : fmt::format("0@({})", fmt::join(cpus, ","));
}

std::string hugepages_command(std::uint32_t memory_mb) {
    return fmt::format("'drivers-cfg/hugepages.sh --reserve {}'", memory_mb);
}

std::vector<std::string> command_line_of(const EalOptions& options, bool hugepages) {
    std::vector<std::string> line{"millrace"};
    const std::string prefix =
        options.file_prefix.empty() ? fmt::format("millrace{}", getpid()) : options.file_prefix;
    line.push_back("--file-prefix=" + prefix);
    line.push_back("--lcores=" +
                   (options.lcores.empty() ? lcore_on_allowed_cpus() : options.lcores));
    line.push_back(fmt::format("-m{}", options.memory_mb));
    if (hugepages) {
        // virtio-user hands its peer one descriptor for each file, and takes few.
        line.insert(line.end(), {"--in-memory", "--single-file-segments"});
    } else {
        line.insert(line.end(), {"--no-huge", "--no-shconf"});
    }
    if (!options.pci) {
        // Without PCI devices nothing needs physical addresses, and some virtual ones refuse them.
        line.insert(line.end(), {"--no-pci", "--iova-mode=va"});
    }
    if (!options.telemetry) {
        line.emplace_back("--no-telemetry");
    }
    line.insert(line.end(), options.arguments.begin(), options.arguments.end());
    return line;
}

/// EAL prints pages of usage on a wrong option; the error says enough.
class QuietStandardOutput {
  public:
    QuietStandardOutput() {
        std::fflush(stdout);
        kept_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        close(nowhere);
    }
    ~QuietStandardOutput() {
        std::fflush(stdout);
        dup2(kept_, STDOUT_FILENO);
        close(kept_);
    }
    QuietStandardOutput(const QuietStandardOutput&) = delete;
    QuietStandardOutput& operator=(const QuietStandardOutput&) = delete;

  private:
    int kept_;
};

/// Runs rte_eal_init(); "" or why it failed.
std::string initialise(const std::vector<std::string>& command_line) {
    // EAL permutes its arguments and keeps pointers into them, so they live as long as the process.
    static auto* const copies = new std::vector<std::string>;
    static auto* const pointers = new std::vector<char*>;
    *copies = command_line;
    pointers->clear();
    for (std::string& argument : *copies) {
        pointers->push_back(argument.data());
    }
    pointers->push_back(nullptr);
    const nic::LogCapture log;
    const QuietStandardOutput quiet;
    if (rte_eal_init(static_cast<int>(copies->size()), pointers->data()) >= 0) {
        return {};
    }
    const std::string reason = log.reason();
    return reason.empty() ? std::string{rte_strerror(rte_errno)} : reason;
}

/// EAL makes it and leaves it. One whose name was chosen may be shared, and goes when it is empty.
void remove_runtime_directory(const fs::path& directory, bool is_ours_alone) {
    std::error_code ignored;
    if (!is_ours_alone) {
        fs::remove(directory, ignored);
    } else if (!directory.empty()) {
        fs::remove_all(directory, ignored);
    }
}

class EalMemory final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        void* const memory =
            rte_malloc(nullptr, std::max<std::size_t>(bytes, 1), static_cast<unsigned>(alignment));
        if (memory == nullptr) {
            throw EalMemoryExhausted{bytes};
        }
        return memory;
    }
    void do_deallocate(void* memory, std::size_t, std::size_t) override { rte_free(memory); }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

/// What EAL's heap holds already, in MB.
std::uint64_t eal_memory_in_use_mb() {
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < rte_socket_count(); ++i) {
        rte_malloc_socket_stats stats{};
        if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0) {
            bytes += stats.heap_allocsz_bytes;
        }
    }
    return bytes / bytes_per_mb;
}

} // namespace

nic::Result<std::unique_ptr<Eal>> Eal::start(const EalOptions& options) {
    using Hugepages = EalOptions::Hugepages;
    std::unique_ptr<Eal> eal{new Eal};
    const std::uint64_t free_mb = free_hugepages_mb();
    const bool enough = free_mb >= options.memory_mb;
    if (options.hugepages == Hugepages::on && !enough) {
        return nic::Error{
            fmt::format("hugepages are asked for and {} MB of them are free where {} MB "
                        "are needed – {} reserves them",
                        free_mb, options.memory_mb, hugepages_command(options.memory_mb))};
    }
    const bool hugepages = enough && options.hugepages != Hugepages::off;
    if (!hugepages) {
        eal->notes_.push_back(
            fmt::format("no hugepages: running on {} MB of ordinary memory; {} and a "
                        "restart would change that",
                        options.memory_mb, hugepages_command(options.memory_mb)));
    }
    eal->own_prefix_ = options.file_prefix.empty();
    eal->command_line_ = command_line_of(options, hugepages);
    nic::install_log_sink(options.log_level);
    // Some drivers write to peers that may be gone (virtio-user's does while it closes).
    std::signal(SIGPIPE, SIG_IGN);
    if (const std::string why = initialise(eal->command_line_); !why.empty()) {
        remove_runtime_directory(rte_eal_get_runtime_dir(), eal->own_prefix_);
        return nic::Error{fmt::format("DPDK does not start: {} – its command line was: {}", why,
                                      fmt::join(eal->command_line_, " "))};
    }
    eal->started_ = true;
    return eal;
}

namespace {

/// Lets EAL's interrupt thread finish what it is at. `rte_eal_cleanup()` unmaps EAL's memory and
/// does not ask that thread, which may yet look at the interrupt sources of a port just closed
/// (memif's connections are closed in it, after the port): they lie in that memory. An alarm is
/// called by that thread; the second one comes after everything that was under way when the first
/// did.
void finish_interrupts() {
    constexpr std::chrono::seconds patience{1};
    for (int round = 0; round < 2; ++round) {
        auto* const called = new std::promise<void>;
        std::future<void> done = called->get_future();
        const auto tell = [](void* promise) {
            const std::unique_ptr<std::promise<void>> own{
                static_cast<std::promise<void>*>(promise)};
            own->set_value();
        };
        if (rte_eal_alarm_set(1, tell, called) != 0) {
            delete called;
            return;
        }
        if (done.wait_for(patience) != std::future_status::ready) {
            return; // The thread is gone; the promise may still be its.
        }
    }
}

} // namespace

Eal::~Eal() {
    if (!started_) {
        return;
    }
    const nic::LogCapture quietly;
    const fs::path directory{rte_eal_get_runtime_dir()};
    finish_interrupts();
    rte_eal_cleanup();
    remove_runtime_directory(directory, own_prefix_);
}

bool register_worker_thread() {
    return rte_thread_register() == 0;
}

void unregister_worker_thread() {
    rte_thread_unregister();
}

EalMemoryExhausted::EalMemoryExhausted(std::size_t bytes_asked) {
    const std::uint64_t asked_mb = bytes_asked / bytes_per_mb + 1;
    const std::uint64_t needed_mb = eal_memory_in_use_mb() + asked_mb;
    fmt::format_to_n(
        text_.data(), text_.size() - 1,
        "EAL memory: {} MB asked for and not there – memory_mb must be at least {}, with "
        "as much reserved where hugepages are used",
        asked_mb, needed_mb);
}

std::pmr::memory_resource& eal_memory_resource() {
    static EalMemory memory;
    return memory;
}

} // namespace millrace::runtime
