#include "runtime/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace millrace::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Every key with a value that is not its default.
constexpr std::string_view everything = R"(
[eal]
hugepages = "off"
memory_mb = 1024
arguments = ["--log-level", "8"]
[workers]
count = 2
cores = [1, 0]
idle = "poll"
idle_latency_us = 250
[[port]]
name = "net0"
device = "net_tap0,iface=tap0"
mac = "02:00:00:00:00:01"
mtu = 1400
ttl = 32
dscp = 46
addresses = ["198.18.0.2/24", "2001:db8::2/64"]
gateways = ["198.18.0.1", "2001:db8::1"]
queues = 2
[tcp]
retransmission_timeout_min_ms = 300
retransmission_timeout_max_ms = 60000
delayed_ack_ms = 20
fin_wait_2_timeout_s = 30
initial_window_segments = 4
congestion = "newreno"
ecn = "on"
pacing = true
receive_buffer_bytes = 65536
send_buffer_bytes = 131072
syn_ack_retries = 3
retries = 8
connections_max = 1000
half_open_max = 2000
retransmission_timeout_initial_ms = 500
syn_retries = 2
retries_1 = 1
orphan_retries = 4
keep_alive = true
keep_alive_idle_s = 60
keep_alive_interval_s = 5
keep_alive_probes = 6
user_timeout_ms = 9000
linger_timeout_s = 7
orphans_max = 50
ephemeral_port_first = 40000
ephemeral_port_last = 50000
[tcp.time_wait]
duration_s = 10
policy = "strict"
entries_max = 3000
when_full = "refuse"
[[listen]]
service = "http"
port = 80
addresses = ["198.18.0.2"]
no_delay = false
linger_zero = true
syn_queue_max = 100
syn_queue_when_full = "reset"
connections_max = 50
accept_queue_max = 0
accept_queue_when_full = "reset"
defer_accept_s = 7
root = "."
echo_path = "/echo"
head_bytes_max = 4096
body_bytes_max = 0
head_timeout_s = 1
body_timeout_s = 2
idle_timeout_s = 3
[listen.tcp]
delayed_ack_ms = 0
retries = 5
[listen.time_wait]
duration_s = 5
policy = "off"
[[listen]]
service = "source"
protocol = "tcp"
port = 19
bytes = 5000000000
then = "hold"
[[listen]]
service = "echo"
protocol = "udp"
port = 7
[management]
socket = "/tmp/m.sock"
drain_timeout_s = 7
[log]
level = "debug"
)";

Config loaded(std::string_view text) {
    LoadedConfig result = parse_config(text, "test.toml");
    for (const ConfigError& error : result.errors) {
        ADD_FAILURE() << error.to_string();
    }
    return std::move(result.config);
}

// A1.many_addresses
TEST(Config, ARangeOfAddressesIsEachOfThem) {
    const Config config = loaded(R"(
[[port]]
name = "net0"
device = "net_tap0"
addresses = ["198.18.1.250-198.18.2.5/16", "2001:db8::fffe-2001:db8::1:1/64", "198.18.9.1/24"]
)");
    std::vector<std::string> addresses;
    for (const IpPrefix& prefix : config.ports.at(0).addresses) {
        addresses.push_back(to_string(prefix));
    }
    EXPECT_THAT(addresses, ElementsAre("198.18.1.250/16", "198.18.1.251/16", "198.18.1.252/16",
                                       "198.18.1.253/16", "198.18.1.254/16", "198.18.1.255/16",
                                       "198.18.2.0/16", "198.18.2.1/16", "198.18.2.2/16",
                                       "198.18.2.3/16", "198.18.2.4/16", "198.18.2.5/16",
                                       "2001:db8::fffe/64", "2001:db8::ffff/64", "2001:db8::1:0/64",
                                       "2001:db8::1:1/64", "198.18.9.1/24"));
}

TEST(Config, ReadsPortsWorkersAndEnvironment) {
    const Config config = loaded(everything);
    EXPECT_EQ(config.eal.hugepages, Hugepages::off);
    EXPECT_EQ(config.eal.memory_mb, 1024U);
    EXPECT_THAT(config.eal.arguments, ElementsAre("--log-level", "8"));
    EXPECT_EQ(config.workers.count, 2U);
    EXPECT_THAT(config.workers.cores, ElementsAre(1U, 0U));
    EXPECT_EQ(config.workers.idle, IdleMode::poll);
    EXPECT_EQ(config.workers.idle_latency, 250us);
    ASSERT_EQ(config.ports.size(), 1U);
    const PortConfig& port = config.ports[0];
    EXPECT_EQ(port.name, "net0");
    EXPECT_EQ(port.device, "net_tap0,iface=tap0");
    ASSERT_TRUE(port.mac.has_value());
    EXPECT_EQ(port.mac->to_string(), "02:00:00:00:00:01");
    EXPECT_EQ(port.mtu, 1400);
    EXPECT_EQ(port.ttl, 32);
    EXPECT_EQ(port.dscp, 46);
    ASSERT_EQ(port.addresses.size(), 2U);
    EXPECT_EQ(to_string(port.addresses[0]), "198.18.0.2/24");
    EXPECT_EQ(to_string(port.addresses[1]), "2001:db8::2/64");
    ASSERT_EQ(port.gateways.size(), 2U);
    EXPECT_EQ(to_string(port.gateways[1]), "2001:db8::1");
    EXPECT_EQ(port.queues, 2);
    EXPECT_EQ(config.management.socket, "/tmp/m.sock");
    EXPECT_EQ(config.management.drain_timeout, 7s);
    EXPECT_EQ(config.log.level, LogLevel::debug);
}

TEST(Config, ReadsTcp) {
    const TcpConfig tcp = loaded(everything).tcp;
    EXPECT_EQ(tcp.rto_min, 300ms);
    EXPECT_EQ(tcp.rto_max, 60s);
    EXPECT_EQ(tcp.delayed_ack, 20ms);
    EXPECT_EQ(tcp.fin_wait_2, 30s);
    EXPECT_EQ(tcp.initial_window_segments, 4);
    EXPECT_EQ(tcp.congestion, tcp::CongestionAlgorithm::new_reno);
    EXPECT_EQ(tcp.ecn, tcp::EcnPolicy::on);
    EXPECT_TRUE(tcp.pacing);
    EXPECT_EQ(tcp.receive_buffer_bytes, 65'536U);
    EXPECT_EQ(tcp.send_buffer_bytes, 131'072U);
    EXPECT_EQ(tcp.syn_ack_retries, 3);
    EXPECT_EQ(tcp.retries, 8);
    EXPECT_EQ(tcp.connections_max, 1000U);
    EXPECT_EQ(tcp.half_open_max, 2000U);
    EXPECT_EQ(tcp.time_wait.duration, 10s);
    EXPECT_EQ(tcp.time_wait.policy, tcp::ReusePolicy::strict);
    EXPECT_EQ(tcp.time_wait.entries_max, 3000U);
    EXPECT_EQ(tcp.time_wait.when_full, stack::TimeWaitWhenFull::refuse);
}

TEST(Config, ReadsHowLongConnectionsLive) {
    const TcpConfig tcp = loaded(everything).tcp;
    EXPECT_EQ(tcp.rto_initial, 500ms);
    EXPECT_EQ(tcp.syn_retries, 2);
    EXPECT_EQ(tcp.retries_1, 1);
    EXPECT_EQ(tcp.orphan_retries, 4);
    EXPECT_TRUE(tcp.keep_alive);
    EXPECT_EQ(tcp.keep_alive_idle, 60s);
    EXPECT_EQ(tcp.keep_alive_interval, 5s);
    EXPECT_EQ(tcp.keep_alive_probes, 6);
    EXPECT_EQ(tcp.user_timeout, 9s);
    EXPECT_EQ(tcp.linger_timeout, 7s);
    EXPECT_EQ(tcp.orphans_max, 50U);
    EXPECT_EQ(tcp.ephemeral_port_first, 40'000);
    EXPECT_EQ(tcp.ephemeral_port_last, 50'000);
}

TEST(Config, ReadsListeners) {
    const Config config = loaded(everything);
    ASSERT_EQ(config.listeners.size(), 3U);
    const ListenConfig& http = config.listeners[0];
    EXPECT_EQ(http.service, ServiceKind::http);
    EXPECT_EQ(http.protocol, Protocol::tcp);
    EXPECT_EQ(http.port, 80);
    ASSERT_EQ(http.addresses.size(), 1U);
    EXPECT_EQ(to_string(http.addresses[0]), "198.18.0.2");
    EXPECT_FALSE(http.no_delay);
    EXPECT_TRUE(http.linger_zero);
    EXPECT_EQ(http.syn_queue_max, 100U);
    EXPECT_EQ(http.syn_queue_when_full, stack::WhenQueueFull::reset);
    EXPECT_EQ(http.connections_max, 50U);
    EXPECT_EQ(http.accept_queue_max, 0U);
    EXPECT_EQ(http.accept_queue_when_full, stack::WhenQueueFull::reset);
    EXPECT_EQ(http.defer_accept, 7s);
    EXPECT_EQ(http.echo_path, "/echo");
    EXPECT_EQ(http.head_bytes_max, 4096U);
    EXPECT_EQ(http.body_bytes_max, 0U);
    EXPECT_EQ(http.head_timeout, 1s);
    EXPECT_EQ(http.body_timeout, 2s);
    EXPECT_EQ(http.idle_timeout, 3s);
    const ListenConfig& source = config.listeners[1];
    EXPECT_EQ(source.syn_queue_max, 4096U);
    EXPECT_EQ(source.syn_queue_when_full, stack::WhenQueueFull::drop);
    EXPECT_FALSE(source.connections_max.has_value());
    EXPECT_EQ(source.accept_queue_max, 4096U);
    EXPECT_EQ(source.accept_queue_when_full, stack::WhenQueueFull::drop);
    EXPECT_EQ(source.defer_accept, 0s);
    EXPECT_EQ(source.service, ServiceKind::source);
    EXPECT_EQ(source.bytes, 5'000'000'000U);
    EXPECT_EQ(source.then, AfterBytes::hold);
    EXPECT_EQ(config.listeners[2].service, ServiceKind::echo);
    EXPECT_EQ(config.listeners[2].protocol, Protocol::udp);
}

TEST(Config, AListenersTimeWaitStandsOnTheCommonOne) {
    const Config config = loaded(everything);
    const TimeWaitConfig own = time_wait_of(config.listeners[0], config.tcp.time_wait);
    EXPECT_EQ(own.duration, 5s);
    EXPECT_EQ(own.policy, tcp::ReusePolicy::off);
    EXPECT_EQ(own.entries_max, 3000U);
    const TimeWaitConfig common = time_wait_of(config.listeners[1], config.tcp.time_wait);
    EXPECT_EQ(common.duration, 10s);
    EXPECT_EQ(common.policy, tcp::ReusePolicy::strict);
}

TEST(Config, AListenersEngineStandsOnTheCommonOne) {
    const Config config = loaded(everything);
    const tcp::Config& own = config.listeners[0].tcp;
    EXPECT_EQ(own.delayed_ack, 0ms);
    EXPECT_EQ(own.retries, 5);
    EXPECT_EQ(own.rto_min, 300ms) << "[tcp] has it";
    EXPECT_EQ(own.challenge_ack_interval, tcp::Config{}.challenge_ack_interval);
    EXPECT_EQ(config.listeners[1].tcp, config.tcp);
}

TEST(Config, AListenersEngineMayStandBeforeTheCommonOne) {
    const Config config = loaded("[[port]]\nname = \"net0\"\ndevice = \"net_tap0\"\n"
                                 "addresses = [\"198.18.0.2/24\"]\n"
                                 "[[listen]]\nservice = \"echo\"\nport = 7\n"
                                 "[listen.tcp]\nretries = 5\n"
                                 "[tcp]\ndelayed_ack_ms = 20\n");
    EXPECT_EQ(config.listeners[0].tcp.retries, 5);
    EXPECT_EQ(config.listeners[0].tcp.delayed_ack, 20ms);
}

TEST(Config, EachEngineStandsOnce) {
    Config config;
    config.listeners.resize(4);
    config.listeners[1].tcp.retries = 5;
    config.listeners[2].tcp.retries = 6;
    config.listeners[3].tcp.retries = 5;
    EXPECT_THAT(engine_configs(config),
                ElementsAre(tcp::Config{}, config.listeners[1].tcp, config.listeners[2].tcp));
}

TEST(Config, LeavesDefaultsWhereNothingIsSaid) {
    const Config config = loaded(R"(
[[port]]
name = "net0"
device = "net_tap0"
addresses = ["198.18.0.2/24"]
)");
    EXPECT_EQ(config.workers.count, 1U);
    EXPECT_THAT(config.workers.cores, IsEmpty());
    EXPECT_EQ(config.workers.idle_latency, 1ms);
    EXPECT_FALSE(config.ports[0].mac.has_value());
    EXPECT_FALSE(config.ports[0].queues.has_value());
    EXPECT_EQ(config.tcp.delayed_ack, 40ms);
    EXPECT_EQ(config.tcp.time_wait.duration, 60s);
    EXPECT_EQ(config.tcp.time_wait.policy, tcp::ReusePolicy::timestamps);
    EXPECT_EQ(config.tcp.time_wait.when_full, stack::TimeWaitWhenFull::oldest);
}

TEST(Config, RemembersWhereAKeyStood) {
    const Config config = loaded("[[port]]\n"
                                 "name = \"net0\"\n"
                                 "device = \"net_tap0\"\n"
                                 "addresses = [\"198.18.0.2/24\"]\n");
    EXPECT_EQ(config.origin.error("port[0].device", "is absent", "plug it in").to_string(),
              "test.toml:3: port[0].device: is absent; plug it in");
    EXPECT_EQ(config.origin.error("port[0].mac", "", "").line, 1U) << "its section's line";
    EXPECT_EQ(config.origin.error("port[0].addresses[3]", "", "").line, 4U);
    EXPECT_EQ(config.origin.error("management.socket", "is busy", "choose another").to_string(),
              "test.toml: management.socket: is busy; choose another");
}

class ConfigFile : public testing::Test {
  protected:
    ConfigFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~ConfigFile() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, std::string_view text) const {
        const auto path = folder_ / name;
        std::ofstream{path} << text;
        return path.string();
    }

    std::filesystem::path folder_;
};

TEST_F(ConfigFile, RootIsRelativeToTheFile) {
    std::filesystem::create_directory(folder_ / "www");
    const std::string path = write("a.toml", R"(
[[port]]
name = "net0"
device = "net_tap0"
addresses = ["198.18.0.2/24"]
[[listen]]
service = "http"
port = 80
root = "www"
)");
    const LoadedConfig result = load_config(path);
    ASSERT_THAT(result.errors, IsEmpty());
    EXPECT_EQ(result.config.listeners[0].root, (folder_ / "www").string());
    EXPECT_EQ(result.config.origin.file, path);
}

TEST_F(ConfigFile, SaysWhyAFileCannotBeRead) {
    const std::string absent = (folder_ / "absent.toml").string();
    EXPECT_THAT(load_config(absent).errors,
                ElementsAre(ConfigError{absent, 0, "", "cannot be read: No such file or directory",
                                        "name a configuration with --config"}));
    EXPECT_THAT(load_config(folder_.string()).errors,
                ElementsAre(ConfigError{folder_.string(), 0, "", "cannot be read: it is a folder",
                                        "name a configuration with --config"}));
}

TEST_F(ConfigFile, SaysWhatIsWrongWithARoot) {
    write("file", "");
    const std::string path = write("a.toml", "[[port]]\n"
                                             "name = \"net0\"\n"
                                             "device = \"net_tap0\"\n"
                                             "addresses = [\"198.18.0.2/24\"]\n"
                                             "[[listen]]\n"
                                             "service = \"http\"\n"
                                             "port = 80\n"
                                             "root = \"absent\"\n"
                                             "[[listen]]\n"
                                             "service = \"http\"\n"
                                             "port = 81\n"
                                             "root = \"file\"\n");
    const std::string folder = folder_.string();
    EXPECT_THAT(load_config(path).errors,
                ElementsAre(ConfigError{path, 8, "listen[0].root",
                                        "\"" + folder + "/absent\" does not exist",
                                        "make it, or name a folder that holds the files to serve"},
                            ConfigError{path, 12, "listen[1].root",
                                        "\"" + folder + "/file\" is not a folder",
                                        "name a folder that holds the files to serve"}));
}

} // namespace
} // namespace millrace::runtime
