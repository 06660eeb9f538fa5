#include "nic/log_capture.hpp"

#include "base/assert.hpp"

#include <rte_log.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string_view>

namespace millrace::nic {
namespace {

struct Line {
    std::uint32_t level;
    std::string text;
};

/// One for the process, as DPDK's log is; never destroyed, because drivers log while the process
/// ends.
struct Sink {
    std::mutex mutex;
    std::atomic<std::uint32_t> shown{static_cast<std::uint32_t>(LogLevel::critical)};
    std::FILE* stream = nullptr;
    unsigned captures = 0; ///< Alive, one in another.
    std::vector<Line> captured;
};

Sink& sink() {
    static auto* const the_sink = new Sink;
    return *the_sink;
}

/// stdio hands over what one rte_log() printed.
ssize_t take(void*, const char* bytes, std::size_t size) {
    const int current = rte_log_cur_msg_loglevel();
    const auto level =
        current < 0 ? std::uint32_t{RTE_LOG_INFO} : static_cast<std::uint32_t>(current);
    Sink& s = sink();
    const std::scoped_lock lock{s.mutex};
    constexpr std::size_t lines_max = 64;
    if (s.captures > 0 && s.captured.size() < lines_max) {
        s.captured.push_back({level, std::string{bytes, size}});
    } else if (level <= s.shown.load(std::memory_order_relaxed)) {
        std::fwrite(bytes, 1, size, stderr);
    }
    return static_cast<ssize_t>(size);
}

/// "EAL: text", "eth_from_packet(): text" and the like to "text".
std::string_view without_prefixes(std::string_view line) {
    for (;;) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) {
            return line;
        }
        const std::string_view prefix = line.substr(0, colon);
        const bool from_function = prefix.ends_with("()");
        const bool from_component =
            std::ranges::all_of(prefix, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
        if (!from_function && !from_component) {
            return line;
        }
        line.remove_prefix(colon + 2);
    }
}

std::string_view trimmed(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ' || line.back() == '.')) {
        line.remove_suffix(1);
    }
    return line;
}

} // namespace

void install_log_sink(LogLevel shown) {
    Sink& s = sink();
    s.shown.store(static_cast<std::uint32_t>(shown), std::memory_order_relaxed);
    if (s.stream == nullptr) {
        const cookie_io_functions_t functions{
            .read = nullptr, .write = take, .seek = nullptr, .close = nullptr};
        s.stream = fopencookie(nullptr, "w", functions);
        MILLRACE_ASSERT(s.stream != nullptr);
        rte_openlog_stream(s.stream);
    }
    rte_log_set_global_level(
        std::max(static_cast<std::uint32_t>(shown), std::uint32_t{RTE_LOG_ERR}));
}

LogCapture::LogCapture() : level_before_{rte_log_get_global_level()} {
    Sink& s = sink();
    const std::scoped_lock lock{s.mutex};
    if (s.captures++ == 0) {
        s.captured.clear();
    }
    rte_log_set_global_level(std::max(level_before_, std::uint32_t{RTE_LOG_WARNING}));
}

LogCapture::~LogCapture() {
    Sink& s = sink();
    const std::scoped_lock lock{s.mutex};
    rte_log_set_global_level(level_before_);
    if (--s.captures > 0) {
        return;
    }
    const std::uint32_t shown = s.shown.load(std::memory_order_relaxed);
    for (const Line& line : s.captured) {
        if (line.level <= shown) {
            std::fputs(line.text.c_str(), stderr);
        }
    }
}

std::vector<std::string> LogCapture::lines() const {
    Sink& s = sink();
    const std::scoped_lock lock{s.mutex};
    std::vector<std::string> result;
    for (const Line& line : s.captured) {
        result.emplace_back(trimmed(line.text));
    }
    return result;
}

std::string LogCapture::reason() const {
    Sink& s = sink();
    const std::scoped_lock lock{s.mutex};
    const auto first_at = [&s](std::uint32_t level) {
        return std::ranges::find_if(s.captured,
                                    [level](const Line& line) { return line.level <= level; });
    };
    for (const std::uint32_t level : {std::uint32_t{RTE_LOG_ERR}, std::uint32_t{RTE_LOG_WARNING}}) {
        if (const auto line = first_at(level); line != s.captured.end()) {
            return std::string{without_prefixes(trimmed(line->text))};
        }
    }
    return {};
}

} // namespace millrace::nic
