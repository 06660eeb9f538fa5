#pragma once

#include "wire.hpp"

#include "../http/documents.hpp"

#include "base/assert.hpp"
#include "http/content_store.hpp"
#include "http/error_pages.hpp"
#include "http/request_parser.hpp"
#include "http/static_handler.hpp"
#include "service/discard.hpp"
#include "service/echo.hpp"
#include "service/http.hpp"
#include "service/source.hpp"
#include "stack/worker.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <sys/mman.h>

namespace millrace::stack::bench {

inline constexpr wire::MacAddr server_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr wire::MacAddr client_mac{{2, 0, 0, 0, 0, 2}}; ///< Or of the router before them.
inline constexpr wire::Ipv4Addr server_address{198, 18, 0, 1};
inline constexpr wire::Ipv4Addr router_address{198, 18, 0, 254};

inline constexpr std::uint16_t echo_port = 7;
inline constexpr std::uint16_t discard_port = 9;
inline constexpr std::uint16_t source_port = 19;
inline constexpr std::uint16_t http_port = 80;

inline constexpr std::size_t small_document_bytes = 128;
inline constexpr std::size_t large_document_bytes = 1 << 20;

inline constexpr std::string_view get_small = "GET / HTTP/1.1\r\nHost: 198.18.0.1\r\n\r\n";
inline constexpr std::string_view get_small_and_close =
    "GET / HTTP/1.1\r\nHost: 198.18.0.1\r\nConnection: close\r\n\r\n";
inline constexpr std::string_view get_large = "GET /large HTTP/1.1\r\nHost: 198.18.0.1\r\n\r\n";

/// What the server has to show.
inline const http::ContentStore& documents() {
    static const http::ContentStore store =
        http::bench::store_of({{"index.html", std::string(small_document_bytes, 'a')},
                               {"large", std::string(large_document_bytes, 'b')}});
    return store;
}

/// Of the whole answer to a request.
inline std::uint32_t response_bytes(std::string_view request) {
    http::Request parsed;
    const auto result = http::parse_request(std::as_bytes(std::span{request}), parsed);
    MILLRACE_ASSERT(result.outcome == http::ParseOutcome::complete);
    const http::ErrorPages errors;
    std::array<std::byte, http::answer_bytes_min> head;
    const http::Answer answer =
        http::StaticHandler{documents(), errors}.answer(parsed, http::DateCache{}, head);
    return static_cast<std::uint32_t>(answer.written + answer.body.size());
}

/// Memory in huge pages where the kernel gives them, as a server has it.
class HugePages : public std::pmr::memory_resource {
    static constexpr std::size_t page = std::size_t{2} << 20;

    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        const std::size_t unit = bytes < page ? std::max(alignment, sizeof(void*)) : page;
        const std::size_t whole = (bytes + unit - 1) / unit * unit;
        void* const memory = std::aligned_alloc(unit, whole);
        if (memory == nullptr) {
            throw std::bad_alloc{};
        }
        if (unit == page) {
            static_cast<void>(::madvise(memory, whole, MADV_HUGEPAGE));
        }
        return memory;
    }
    void do_deallocate(void* memory, std::size_t, std::size_t) override { std::free(memory); }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

inline HugePages huge_pages;

/// What both ends have in common: keys that are the same in every run, and a port that is quiet.
inline WorkerSettings settings_with(std::uint32_t connections_max, std::size_t packets) {
    WorkerSettings settings;
    settings.sequence_key = {1, 2};
    settings.hash_key = {3, 4};
    settings.connections_max = connections_max;
    settings.buffers.packets = static_cast<std::uint32_t>(packets / 2);
    settings.buffers.packet_bytes = sizeof(Buffer);
    settings.control.ipv4_announcements = 0;
    settings.memory = &huge_pages;
    // What is under way stays in the caches.
    settings.tcp.front().receive_buffer_max_bytes = settings.tcp.front().receive_buffer_bytes;
    return settings;
}

/// A worker with every service that millraced has, each on its port.
class Server {
  public:
    using WorkerType =
        Worker<Port, service::Echo, service::Discard, service::Source, service::Http>;

    Server(Port& port, const WorkerSettings& wanted, Instant now)
        : worker{port, settings_of(wanted), nullptr, now} {
        worker.listen({.port = echo_port}, service::Echo{});
        worker.listen({.port = discard_port}, service::Discard{});
        worker.listen({.port = source_port},
                      service::Source{UINT64_MAX, service::Source::Then::hold});
        worker.listen({.port = http_port}, service::Http{{}, documents(), errors_, wall_clock_});
    }

    [[nodiscard]] const auto& connections() { return worker.host<wire::Ipv4Addr>(); }

  private:
    static WorkerSettings settings_of(WorkerSettings settings) {
        settings.interface.mac = server_mac;
        settings.interface.ipv4 = {{server_address, 24}};
        settings.interface.gateway4 = router_address;
        return settings;
    }

    http::ErrorPages errors_;
    service::WallClockOffset wall_clock_{http::bench::now_unix_seconds * 1'000'000'000};

  public:
    WorkerType worker;
};

} // namespace millrace::stack::bench
