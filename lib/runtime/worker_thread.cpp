#include "runtime/worker_thread.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>

namespace millrace::runtime {

void ThreadRest::pause() {
    for (int i = 0; i < 16; ++i) {
        _mm_pause();
    }
}

void ThreadRest::sleep(Duration length) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(length);
    const timespec span{.tv_sec = whole.count(), .tv_nsec = (length - whole).count()};
    // A signal that ends it early costs one poll, nothing more.
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
}

std::span<const CounterInfo> loop_counter_infos() {
    static const std::array<CounterInfo, loop_counter_count> infos{{
        {"polls", "turns of the worker's loop"},
        {"polls_with_work", "turns that found something to do"},
        {"busy_ns", "time spent in turns that found something to do"},
        {"elapsed_ns", "time since the worker's loop began"},
        {"sleeps", "times the worker gave its core back"},
        {"busy_permille", "share of the last second spent in turns that found something to do",
         CounterKind::gauge, Combine::mean},
    }};
    return infos;
}

void LoopMeter::close_window() {
    counters_.set(LoopCounter::busy_permille, window_busy_ns_ * 1000 / window_ns_);
    window_ns_ = 0;
    window_busy_ns_ = 0;
}

bool core_available(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (core >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0) {
        return false;
    }
    return CPU_ISSET(core, &set);
}

namespace {

void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    const int error = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    if (error != 0) {
        spdlog::warn("a worker cannot be pinned to core {}: {}", core, std::strerror(error));
    }
}

void settle(const ThreadPlace& place) {
    (void)pthread_setname_np(pthread_self(), place.name.substr(0, 15).c_str());
    if (place.core) {
        pin(*place.core);
    }
    // The default slack of 50 us would be added to every sleep.
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

} // namespace

std::thread start_thread(ThreadPlace place, std::function<void()> body) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread{[place = std::move(place), body = std::move(body)] {
        settle(place);
        if (place.on_start) {
            place.on_start();
        }
        body();
        if (place.on_end) {
            place.on_end();
        }
    }};
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

} // namespace millrace::runtime
