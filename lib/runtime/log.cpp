#include "runtime/log.hpp"

#include "runtime/address.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace millrace::runtime {

namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
    case LogLevel::error:
        return spdlog::level::err;
    case LogLevel::warn:
        return spdlog::level::warn;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::debug:
        return spdlog::level::debug;
    }
    return spdlog::level::info;
}

} // namespace

void set_up_log(LogLevel level) {
    auto logger = std::make_shared<spdlog::logger>(
        "millrace", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    logger->set_level(spdlog_level(level));
    // Lines are few, and the last ones before a crash are the ones that count.
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

void log_conflict(const stack::AddressConflict& conflict) {
    spdlog::warn(
        "{} is also used by {}: {}", to_string(conflict.address), conflict.rival.to_string(),
        conflict.lost ? "it is theirs now, and we no longer answer for it; give one of the "
                        "two another address and restart"
                      : "we go on answering for it; give one of the two another address");
}

} // namespace millrace::runtime
