#pragma once

#include "nic/log_capture.hpp"
#include "nic/packet_pool.hpp"
#include "nic/port.hpp"

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <rte_eal.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::nic {

/// EAL starts once for each process: here before the first test, on ordinary memory, without root.
class EalEnvironment : public testing::Environment {
  public:
    void SetUp() override {
        install_log_sink(LogLevel::critical);
        std::signal(SIGPIPE, SIG_IGN); // virtio-user writes to a peer that may be gone
        static std::array arguments{std::string{"nic_test"},
                                    std::string{"--no-huge"},
                                    std::string{"--no-shconf"},
                                    std::string{"--no-pci"},
                                    std::string{"--no-telemetry"},
                                    std::string{"-m256"},
                                    std::string{"--iova-mode=va"},
                                    std::string{"--lcores=0"},
                                    fmt::format("--file-prefix=nic_test{}", getpid())};
        std::vector<char*> pointers;
        for (std::string& argument : arguments) {
            pointers.push_back(argument.data());
        }
        ASSERT_GE(rte_eal_init(static_cast<int>(pointers.size()), pointers.data()), 0);
    }
    void TearDown() override {
        const std::filesystem::path directory{rte_eal_get_runtime_dir()};
        rte_eal_cleanup();
        std::filesystem::remove_all(directory);
    }
};

inline const testing::Environment* const eal_environment =
    testing::AddGlobalTestEnvironment(new EalEnvironment);

/// Ports with small pools of their own, all closed and full again at the end of the test.
class PortTest : public testing::Test {
  protected:
    static constexpr std::uint32_t pool_packets = 2'047;

    /// As many pools as workers.
    void make_pools(std::size_t workers, PoolConfig config = {.packets = pool_packets,
                                                              .attachments = 255,
                                                              .cache = 32}) {
        for (std::size_t i = 0; i < workers; ++i) {
            static int number = 0;
            config.name = fmt::format("pool{}", number++);
            Result<std::unique_ptr<PacketPool>> pool = PacketPool::create(config);
            ASSERT_TRUE(pool) << pool.error().message;
            pool_pointers_.push_back(pool.value().get());
            pools_.push_back(std::move(pool.value()));
        }
    }

    /// Opens and starts.
    Port& open(const PortConfig& config) {
        if (pools_.empty()) {
            make_pools(1);
        }
        Result<std::unique_ptr<Port>> port = Port::open(config, pool_pointers_);
        if (!port) {
            ADD_FAILURE() << port.error().message;
            std::abort();
        }
        const Status started = port.value()->start();
        EXPECT_TRUE(started) << started.error().message;
        ports_.push_back(std::move(port.value()));
        return *ports_.back();
    }
    Port& open(const std::string& device) { return open(PortConfig{.device = device}); }

    /// Why a port cannot be opened, or started; "" where it can.
    std::string error_of(const PortConfig& config) {
        if (pools_.empty()) {
            make_pools(1);
        }
        Result<std::unique_ptr<Port>> port = Port::open(config, pool_pointers_);
        if (!port) {
            return port.error().message;
        }
        const Status started = port.value()->start();
        return started ? std::string{} : started.error().message;
    }
    std::string error_of(const std::string& device) {
        return error_of(PortConfig{.device = device});
    }

    /// A packet of the queue's that holds `text`.
    static Packet packet_with(Queue& queue, std::string_view text) {
        std::array<Packet, 1> one;
        EXPECT_TRUE(queue.allocate(one));
        std::byte* const place = one[0].append(static_cast<std::uint32_t>(text.size()));
        EXPECT_NE(place, nullptr);
        std::memcpy(place, text.data(), text.size());
        return one[0];
    }

    /// The bytes of the whole chain.
    static std::string text_of(Packet packet) {
        std::string text;
        for (; packet; packet = packet.next()) {
            const auto bytes = packet.bytes();
            text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        return text;
    }

    static Packet send_and_receive(Queue& queue, Packet packet) {
        std::array<Packet, 1> one{packet};
        EXPECT_EQ(queue.transmit(one), 1U);
        std::array<Packet, 4> back;
        EXPECT_EQ(queue.receive(back), 1U);
        return back[0];
    }

    [[nodiscard]] PacketPool& pool(std::size_t worker = 0) { return *pools_[worker]; }
    [[nodiscard]] const std::vector<PacketPool*>& pools() const { return pool_pointers_; }

    /// The last one first: a peer that connects goes before the one it connects to.
    void close_ports() {
        while (!ports_.empty()) {
            ports_.pop_back();
        }
    }

    void TearDown() override {
        close_ports();
        for (const auto& pool : pools_) {
            EXPECT_EQ(pool->in_use(), 0U) << "packets were lost";
        }
    }

  private:
    std::vector<std::unique_ptr<PacketPool>> pools_;
    std::vector<PacketPool*> pool_pointers_;
    std::vector<std::unique_ptr<Port>> ports_;
};

} // namespace millrace::nic
