#include "settings.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <string_view>

namespace millrace::script {

namespace {

std::uint64_t number(const Setting& setting) {
    std::uint64_t value = 0;
    const char* const end = setting.value.data() + setting.value.size();
    const auto [last, error] = std::from_chars(setting.value.data(), end, value);
    if (error != std::errc{} || last != end) {
        throw Failure{setting.line, "--" + setting.name + " wants a number"};
    }
    return value;
}

template <class T>
T number_as(const Setting& setting) {
    return static_cast<T>(number(setting));
}

Duration milliseconds(const Setting& setting) {
    return std::chrono::milliseconds{number(setting)};
}

Duration seconds(const Setting& setting) {
    return std::chrono::seconds{number(setting)};
}

stack::TimeWaitWhenFull when_full(const Setting& setting) {
    if (setting.value == "oldest") {
        return stack::TimeWaitWhenFull::oldest;
    }
    if (setting.value == "refuse") {
        return stack::TimeWaitWhenFull::refuse;
    }
    throw Failure{setting.line, "that is oldest or refuse"};
}

stack::WhenQueueFull when_queue_full(const Setting& setting) {
    if (setting.value == "drop") {
        return stack::WhenQueueFull::drop;
    }
    if (setting.value == "reset") {
        return stack::WhenQueueFull::reset;
    }
    throw Failure{setting.line, "that is drop or reset"};
}

tcp::ReusePolicy policy(const Setting& setting) {
    if (setting.value == "strict") {
        return tcp::ReusePolicy::strict;
    }
    if (setting.value == "timestamps") {
        return tcp::ReusePolicy::timestamps;
    }
    if (setting.value == "off") {
        return tcp::ReusePolicy::off;
    }
    throw Failure{setting.line, "a policy is strict, timestamps or off"};
}

tcp::CongestionAlgorithm congestion(const Setting& setting) {
    if (setting.value == "newreno") {
        return tcp::CongestionAlgorithm::new_reno;
    }
    if (setting.value == "cubic") {
        return tcp::CongestionAlgorithm::cubic;
    }
    throw Failure{setting.line, "a congestion control is newreno or cubic"};
}

tcp::EcnPolicy ecn(const Setting& setting) {
    if (setting.value == "off") {
        return tcp::EcnPolicy::off;
    }
    if (setting.value == "accept") {
        return tcp::EcnPolicy::accept;
    }
    if (setting.value == "on") {
        return tcp::EcnPolicy::on;
    }
    throw Failure{setting.line, "ECN is off, accept or on"};
}

tcp::MtuProbing mtu_probing(const Setting& setting) {
    if (setting.value == "off") {
        return tcp::MtuProbing::off;
    }
    if (setting.value == "on-blackhole") {
        return tcp::MtuProbing::on_black_hole;
    }
    if (setting.value == "always") {
        return tcp::MtuProbing::always;
    }
    throw Failure{setting.line, "MTU probing is off, on-blackhole or always"};
}

Family family_of(const Setting& setting) {
    if (setting.value == "ipv4") {
        return Family::ipv4;
    }
    if (setting.value == "ipv6") {
        return Family::ipv6;
    }
    throw Failure{setting.line, "an IP version is ipv4 or ipv6"};
}

/// The MTU with which our MSS is the same in both families.
std::uint16_t mtu_for(Family family, std::uint16_t mss) {
    return static_cast<std::uint16_t>(mss + (family == Family::ipv4 ? 40 : 60));
}

using Take = std::function<void(Settings&, const Setting&, Family)>;

/// Settings that docs/configuration.md has too, under the same name.
const std::map<std::string_view, Take> configured{
    {"retransmission_timeout_min_ms",
     [](Settings& s, const Setting& v, Family) { s.worker.tcp.front().rto_min = milliseconds(v); }},
    {"retransmission_timeout_max_ms",
     [](Settings& s, const Setting& v, Family) { s.worker.tcp.front().rto_max = milliseconds(v); }},
    {"delayed_ack_ms", [](Settings& s, const Setting& v,
                          Family) { s.worker.tcp.front().delayed_ack = milliseconds(v); }},
    {"fin_wait_2_timeout_s",
     [](Settings& s, const Setting& v, Family) { s.worker.tcp.front().fin_wait_2 = seconds(v); }},
    {"initial_window_segments",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().initial_window_segments = number_as<std::uint8_t>(v);
     }},
    {"congestion", [](Settings& s, const Setting& v,
                      Family) { s.worker.tcp.front().congestion = congestion(v); }},
    {"ecn", [](Settings& s, const Setting& v, Family) { s.worker.tcp.front().ecn = ecn(v); }},
    {"pacing",
     [](Settings& s, const Setting& v, Family) { s.worker.tcp.front().pacing = number(v) != 0; }},
    {"receive_buffer_bytes",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().receive_buffer_bytes = number_as<std::uint32_t>(v);
         s.worker.tcp.front().receive_buffer_max_bytes = 0; // It grows when that is set too.
     }},
    {"receive_buffer_max_bytes",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().receive_buffer_max_bytes = number_as<std::uint32_t>(v);
     }},
    {"send_buffer_bytes",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().send_buffer_bytes = number_as<std::uint32_t>(v);
         s.worker.tcp.front().send_buffer_max_bytes = 0;
     }},
    {"send_buffer_max_bytes",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().send_buffer_max_bytes = number_as<std::uint32_t>(v);
     }},
    {"mtu_probing", [](Settings& s, const Setting& v,
                       Family) { s.worker.tcp.front().mtu_probing = mtu_probing(v); }},
    {"syn_ack_retries",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().syn_ack_retries = number_as<std::uint8_t>(v);
     }},
    {"retries", [](Settings& s, const Setting& v,
                   Family) { s.worker.tcp.front().retries = number_as<std::uint8_t>(v); }},
    {"keep_alive", [](Settings& s, const Setting& v,
                      Family) { s.worker.tcp.front().keep_alive = number(v) != 0; }},
    {"keep_alive_idle_s", [](Settings& s, const Setting& v,
                             Family) { s.worker.tcp.front().keep_alive_idle = seconds(v); }},
    {"keep_alive_interval_s",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().keep_alive_interval = seconds(v);
     }},
    {"keep_alive_probes",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().keep_alive_probes = number_as<std::uint8_t>(v);
     }},
    {"user_timeout_ms", [](Settings& s, const Setting& v,
                           Family) { s.worker.tcp.front().user_timeout = milliseconds(v); }},
    {"linger_timeout_s", [](Settings& s, const Setting& v,
                            Family) { s.worker.tcp.front().linger_timeout = seconds(v); }},
    {"retries_1", [](Settings& s, const Setting& v,
                     Family) { s.worker.tcp.front().retries_1 = number_as<std::uint8_t>(v); }},
    {"orphan_retries",
     [](Settings& s, const Setting& v, Family) {
         s.worker.tcp.front().orphan_retries = number_as<std::uint8_t>(v);
     }},
    {"orphans_max", [](Settings& s, const Setting& v,
                       Family) { s.worker.orphans_max = number_as<std::uint32_t>(v); }},
    {"connections_max", [](Settings& s, const Setting& v,
                           Family) { s.worker.connections_max = number_as<std::uint32_t>(v); }},
    {"half_open_max", [](Settings& s, const Setting& v,
                         Family) { s.worker.half_open_max = number_as<std::uint32_t>(v); }},
    {"time_wait.duration_s",
     [](Settings& s, const Setting& v, Family) { s.worker.time_wait_durations = {seconds(v)}; }},
    {"time_wait.policy",
     [](Settings& s, const Setting& v, Family) { s.listener.time_wait_policy = policy(v); }},
    {"time_wait.entries_max", [](Settings& s, const Setting& v,
                                 Family) { s.worker.time_wait_max = number_as<std::uint32_t>(v); }},
    {"time_wait.when_full",
     [](Settings& s, const Setting& v, Family) { s.worker.time_wait_when_full = when_full(v); }},
    {"listen.syn_queue_max",
     [](Settings& s, const Setting& v, Family) {
         s.listener.half_open_max = number_as<std::uint32_t>(v);
     }},
    {"listen.syn_queue_when_full",
     [](Settings& s, const Setting& v, Family) {
         s.listener.syn_queue_when_full = when_queue_full(v);
     }},
    {"listen.connections_max",
     [](Settings& s, const Setting& v, Family) {
         s.listener.connections_max = number_as<std::uint32_t>(v);
     }},
    {"listen.accept_queue_max",
     [](Settings& s, const Setting& v, Family) {
         s.listener.accept_queue_max = number_as<std::uint32_t>(v);
     }},
    {"listen.accept_queue_when_full",
     [](Settings& s, const Setting& v, Family) {
         s.listener.accept_queue_when_full = when_queue_full(v);
     }},
    {"listen.defer_accept_s",
     [](Settings& s, const Setting& v, Family) { s.listener.defer_accept = seconds(v); }},
    {"mtu", [](Settings& s, const Setting& v,
               Family) { s.worker.interface.mtu = number_as<std::uint16_t>(v); }},
};

/// Settings of scripts alone.
const std::map<std::string_view, Take> own{
    // What our path allows, whichever the family: sets the MTU. 1460 when nothing is said.
    {"mss",
     [](Settings& s, const Setting& v, Family family) {
         s.worker.interface.mtu = mtu_for(family, number_as<std::uint16_t>(v));
     }},
    {"ip_version", [](Settings& s, const Setting& v, Family) { s.only = family_of(v); }},
    {"iss", [](Settings& s, const Setting& v, Family) { s.iss = number_as<std::uint32_t>(v); }},
    {"peer_iss",
     [](Settings& s, const Setting& v, Family) { s.peer_iss = number_as<std::uint32_t>(v); }},
    {"accept_when_called",
     [](Settings& s, const Setting& v, Family) { s.accept_when_called = number(v) != 0; }},
    {"start_ms", [](Settings& s, const Setting& v, Family) { s.start = milliseconds(v); }},
    {"tolerance_us", [](Settings& s, const Setting& v,
                        Family) { s.tolerance = std::chrono::microseconds{number(v)}; }},
    {"syn_retries", [](Settings& s, const Setting& v,
                       Family) { s.worker.tcp.front().syn_retries = number_as<std::uint8_t>(v); }},
    {"path_mtus_max", [](Settings& s, const Setting& v,
                         Family) { s.worker.path_mtus_max = number_as<std::uint32_t>(v); }},
    {"reassemblies_max", [](Settings& s, const Setting& v,
                            Family) { s.worker.reassemblies_max = number_as<std::uint32_t>(v); }},
};

Settings defaults(Family family) {
    Settings settings;
    stack::WorkerSettings& worker = settings.worker;
    worker.interface.mac = our_mac;
    worker.interface.mtu = mtu_for(family, 1460);
    worker.interface.ipv4 = {{our_address<wire::Ipv4Addr>(), 24}};
    worker.interface.ipv6 = {{our_address<wire::Ipv6Addr>(), 64}};
    worker.interface.add_link_local();
    worker.control.ipv4_announcements = 0;
    worker.control.ipv6_probes = 0; // Addresses are usable at once.
    worker.buffers.packet_bytes = sizeof(support::PacketBuffer);
    worker.buffers.nodes = 4096;
    worker.buffers.chunks = 2048;
    worker.connections_max = worker.half_open_max = worker.time_wait_max = 64;
    worker.reassemblies_max = 64;
    // Who calls a socket function has Nagle's algorithm until TCP_NODELAY.
    settings.listener.no_delay = false;
    return settings;
}

} // namespace

Settings settings_of(const Script& script, Family family) {
    Settings settings = defaults(family);
    for (const Setting& setting : script.settings) {
        auto found = configured.find(setting.name);
        if (found == configured.end()) {
            found = own.find(setting.name);
            if (found == own.end()) {
                throw Failure{setting.line, "there is no setting --" + setting.name};
            }
        }
        found->second(settings, setting, family);
    }
    return settings;
}

} // namespace millrace::script
