// Every key of the configuration: the one place where a key gets its name, unit, range and meaning.
// docs/configuration.md is printed from it (millraced --explain-config).

#include "config_schema.hpp"

#include <array>
#include <chrono>

namespace millrace::runtime {

namespace schema {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t entries_most = 100'000'000;

constexpr std::array hugepages_names{
    Choice<Hugepages>{Hugepages::automatic, "auto"},
    Choice<Hugepages>{Hugepages::on, "on"},
    Choice<Hugepages>{Hugepages::off, "off"},
};
constexpr std::array idle_names{
    Choice<IdleMode>{IdleMode::adaptive, "adaptive"},
    Choice<IdleMode>{IdleMode::poll, "poll"},
};
constexpr std::array policy_names{
    Choice<tcp::ReusePolicy>{tcp::ReusePolicy::strict, "strict"},
    Choice<tcp::ReusePolicy>{tcp::ReusePolicy::timestamps, "timestamps"},
    Choice<tcp::ReusePolicy>{tcp::ReusePolicy::off, "off"},
};
constexpr std::array congestion_names{
    Choice<tcp::CongestionAlgorithm>{tcp::CongestionAlgorithm::cubic, "cubic"},
    Choice<tcp::CongestionAlgorithm>{tcp::CongestionAlgorithm::new_reno, "newreno"},
};
constexpr std::array ecn_names{
    Choice<tcp::EcnPolicy>{tcp::EcnPolicy::off, "off"},
    Choice<tcp::EcnPolicy>{tcp::EcnPolicy::accept, "accept"},
    Choice<tcp::EcnPolicy>{tcp::EcnPolicy::on, "on"},
};
constexpr std::array when_full_names{
    Choice<stack::TimeWaitWhenFull>{stack::TimeWaitWhenFull::oldest, "oldest"},
    Choice<stack::TimeWaitWhenFull>{stack::TimeWaitWhenFull::refuse, "refuse"},
};
constexpr std::array queue_full_names{
    Choice<stack::WhenQueueFull>{stack::WhenQueueFull::drop, "drop"},
    Choice<stack::WhenQueueFull>{stack::WhenQueueFull::reset, "reset"},
};
constexpr std::array mtu_probing_names{
    Choice<tcp::MtuProbing>{tcp::MtuProbing::off, "off"},
    Choice<tcp::MtuProbing>{tcp::MtuProbing::on_black_hole, "on-blackhole"},
    Choice<tcp::MtuProbing>{tcp::MtuProbing::always, "always"},
};
constexpr std::array service_names{
    Choice<ServiceKind>{ServiceKind::http, "http"},
    Choice<ServiceKind>{ServiceKind::echo, "echo"},
    Choice<ServiceKind>{ServiceKind::discard, "discard"},
    Choice<ServiceKind>{ServiceKind::source, "source"},
};
constexpr std::array protocol_names{
    Choice<Protocol>{Protocol::tcp, "tcp"},
    Choice<Protocol>{Protocol::udp, "udp"},
};
constexpr std::array then_names{
    Choice<AfterBytes>{AfterBytes::close, "close"},
    Choice<AfterBytes>{AfterBytes::hold, "hold"},
};
constexpr std::array level_names{
    Choice<LogLevel>{LogLevel::error, "error"},
    Choice<LogLevel>{LogLevel::warn, "warn"},
    Choice<LogLevel>{LogLevel::info, "info"},
    Choice<LogLevel>{LogLevel::debug, "debug"},
};

Section<EalConfig> eal_section() {
    Section<EalConfig> section{"eal", false, "DPDK's environment: memory and its own options."};
    section.choice("hugepages", &EalConfig::hugepages, hugepages_names,
                   "`auto` takes them where the machine has some, `on` refuses to start without, "
                   "`off` runs on ordinary memory.");
    section.integer("memory_mb", &EalConfig::memory_mb, {64, 1'048'576}, "MiB",
                    "Memory taken at start, for packets above all.");
    section.parsed_list(
        "arguments", &EalConfig::arguments, "strings",
        [](std::string_view text) {
            return Parsed<std::string>{std::string{text}, {}, {}};
        },
        "More options for the EAL, each word a string; those after `--` on the command line follow "
        "them.");
    return section;
}

Section<WorkersConfig> workers_section() {
    Section<WorkersConfig> section{"workers", false, "The cores that move packets."};
    section.integer("count", &WorkersConfig::count, {1, 128}, "",
                    "How many; each owns its connections and one queue of every port.");
    section.integer_list("cores", &WorkersConfig::cores, {0, 1023},
                         "The core of each worker, as many as there are workers; empty leaves that "
                         "to the kernel.");
    section.choice("idle", &WorkersConfig::idle, idle_names,
                   "`adaptive` gives the core back when nothing comes, `poll` never does.");
    section.duration<microseconds>(
        "idle_latency_us", &WorkersConfig::idle_latency, {10, 100'000}, "us",
        "How long a packet may wait because its worker rests, after a long "
        "silence; after a short one it is less. The less, the more of a core an "
        "idle worker takes; at 1000 it is under 5 %.");
    return section;
}

Section<PortConfig> port_section() {
    Section<PortConfig> section{"port", true, "A network port and its addresses."};
    section.string("name", &PortConfig::name, "What the port is called in messages and counters.")
        .must();
    section
        .string("device", &PortConfig::device,
                "A PCI address (`0000:01:00.0`) or a DPDK device string "
                "(`net_tap0,iface=tap0`).")
        .must();
    section
        .parsed("mac", &PortConfig::mac, "MAC address", parse_mac,
                "The address the port answers to. On `net_tap` the kernel's end has the device's "
                "own, so one is derived there.")
        .by_default("the device's own");
    section.integer("mtu", &PortConfig::mtu, {576, 9'600}, "bytes",
                    "The largest IP packet; 1280 at least where there is an IPv6 address.");
    section.integer("ttl", &PortConfig::ttl, {1, 255}, "",
                    "How many routers what we send may pass: IPv4's TTL, IPv6's hop limit.");
    section.integer("dscp", &PortConfig::dscp, {0, 63}, "",
                    "The class of service of our TCP segments (RFC 2474); answers to pings and to "
                    "datagrams have that of what they answer.");
    section
        .parsed_list("addresses", &PortConfig::addresses, "addresses with prefix length",
                     parse_port_addresses,
                     "As in `[\"198.18.0.2/24\", \"2001:db8::2/64\"]`; a range stands for each "
                     "address from its first to its last, as `\"198.18.1.0-198.18.1.255/16\"`. At "
                     "most 4096 in all.")
        .must();
    section.parsed_list("gateways", &PortConfig::gateways, "addresses", parse_plain_address,
                        "The next hop to everywhere else, at most one of each family, on one of "
                        "the port's networks.");
    section
        .integer("queues", &PortConfig::queues, {1, 128}, "",
                 "Pairs of queues to ask the port for; with fewer than workers, packets are handed "
                 "over in software.")
        .by_default("one for each worker, or as many as the port has");
    return section;
}

template <class S>
void add_retransmission_keys(Section<S>& section) {
    section.template duration<milliseconds>("retransmission_timeout_initial_ms", &S::rto_initial,
                                            {10, 60'000}, "ms",
                                            "The first wait for an answer, as to a SYN or SYN,ACK, "
                                            "before it is sent again; each further "
                                            "one is twice as long (RFC 6298).");
    section.template duration<milliseconds>(
        "retransmission_timeout_min_ms", &S::rto_min, {1, 60'000}, "ms",
        "The shortest wait for an acknowledgement before data is sent again.");
    section.template duration<milliseconds>("retransmission_timeout_max_ms", &S::rto_max,
                                            {1'000, 600'000}, "ms",
                                            "The longest, when each wait has doubled the one "
                                            "before.");
    section.template duration<milliseconds>("delayed_ack_ms", &S::delayed_ack, {0, 200}, "ms",
                                            "How long a lone segment waits to be acknowledged.");
    section.integer("syn_retries", &S::syn_retries, {0, 127}, "",
                    "Repetitions of a SYN before the attempt is given up.");
    section.integer("syn_ack_retries", &S::syn_ack_retries, {0, 30}, "",
                    "Repetitions of a SYN,ACK before a half-open connection is given up.");
    section.integer("retries_1", &S::retries_1, {0, 100}, "",
                    "Retransmissions before the neighbour's address is asked for anew, and before "
                    "segments become shorter where `mtu_probing` permits it (R1 of RFC 9293).");
    section.integer("retries", &S::retries, {1, 100}, "",
                    "Retransmissions before a connection is given up (R2 of RFC 9293).");
    section.integer(
        "orphan_retries", &S::orphan_retries, {0, 100}, "",
        "Retransmissions before a connection that its service has closed is given up, if "
        "that is less than `retries`.");
}

template <class S>
void add_congestion_keys(Section<S>& section) {
    section.integer("initial_window_segments", &S::initial_window_segments, {1, 64}, "segments",
                    "What may be sent before anything is acknowledged (RFC 6928).");
    section.choice("congestion", &S::congestion, congestion_names,
                   "What moves the congestion window: `cubic` (RFC 9438) or `newreno` (RFC 5681), "
                   "both with HyStart++ (RFC 9406).");
    section.choice("ecn", &S::ecn, ecn_names,
                   "Explicit congestion notification (RFC 3168): `accept` agrees when the peer "
                   "asks for it, `on` asks too.");
    section.boolean("pacing", &S::pacing,
                    "Segments leave at a rate made of the congestion window and the round-trip "
                    "time, in bursts of a millisecond, in place of as soon as they may.");
    section.choice("mtu_probing", &S::mtu_probing, mtu_probing_names,
                   "When the path MTU is found out by segments of other sizes, where ICMP does not "
                   "tell it (RFC 4821): `on-blackhole` when long segments are not acknowledged, "
                   "`always` from the beginning. What ICMP tells is heeded whatever this says.");
}

template <class S>
void add_buffer_keys(Section<S>& section) {
    section.integer("receive_buffer_bytes", &S::receive_buffer_bytes, {4'096, 1'073'741'824},
                    "bytes", "The largest window at the beginning of a connection.");
    section.integer("receive_buffer_max_bytes", &S::receive_buffer_max_bytes,
                    {4'096, 1'073'741'824}, "bytes",
                    "The largest it grows to while the service takes what comes; if that is not "
                    "more, it stays as "
                    "it is. The window scale is chosen for the larger of the two.");
    section.integer("send_buffer_bytes", &S::send_buffer_bytes, {4'096, 1'073'741'824}, "bytes",
                    "Memory that the queued data of one connection may hold at least.");
    section.integer("send_buffer_max_bytes", &S::send_buffer_max_bytes, {4'096, 1'073'741'824},
                    "bytes", "And at most; between the two it is twice the congestion window.");
}

template <class S>
void add_patience_keys(Section<S>& section) {
    section.boolean("keep_alive", &S::keep_alive,
                    "Probes a peer that has been silent for long (RFC 9293 §3.8.4).");
    section.template duration<seconds>(
        "keep_alive_idle_s", &S::keep_alive_idle, {1, 32'767}, "s",
        "How long a peer must have been silent before it is probed.");
    section.template duration<seconds>("keep_alive_interval_s", &S::keep_alive_interval,
                                       {1, 32'767}, "s", "From one unanswered probe to the next.");
    section.integer("keep_alive_probes", &S::keep_alive_probes, {1, 127}, "",
                    "Unanswered probes before the connection is reset.");
    section.template duration<milliseconds>(
        "user_timeout_ms", &S::user_timeout, {0, 2'000'000'000}, "ms",
        "How long data may stay unacknowledged, or wait for a closed window (RFC 5482); 0: for as "
        "long as there are retransmissions.");
    section.template duration<seconds>("fin_wait_2_timeout_s", &S::fin_wait_2, {1, 3'600}, "s",
                                       "How long a connection that we have closed waits for its "
                                       "peer to close.");
    section.template duration<seconds>(
        "linger_timeout_s", &S::linger_timeout, {0, 3'600}, "s",
        "After a service has closed: how long its peer may take to acknowledge everything before "
        "it is reset; 0: for as long as there are retransmissions.");
}

/// What each listener may have its own way: keys of [tcp] and of [listen.tcp].
template <class S>
void add_engine_keys(Section<S>& section) {
    add_retransmission_keys(section);
    add_congestion_keys(section);
    add_buffer_keys(section);
    add_patience_keys(section);
}

Section<TcpConfig> tcp_section() {
    Section<TcpConfig> section{"tcp", false, "The engine, and what bounds its memory."};
    add_engine_keys(section);
    section.integer("connections_max", &TcpConfig::connections_max, {1, entries_most}, "",
                    "Connections of one worker on one port, of each family of addresses.");
    section.integer("half_open_max", &TcpConfig::half_open_max, {1, entries_most}, "",
                    "The same, of those whose handshake is not complete.");
    section.integer(
        "orphans_max", &TcpConfig::orphans_max, {0, entries_most}, "",
        "Connections of one worker on one port that their service has closed, and that are "
        "not in TIME_WAIT; who closes one more resets it.");
    section.integer("ephemeral_port_first", &TcpConfig::ephemeral_port_first, {1, 65'535}, "",
                    "The first of the ports that connections are opened from.");
    section.integer("ephemeral_port_last", &TcpConfig::ephemeral_port_last, {1, 65'535}, "",
                    "The last of them, which the first must not be beyond.");
    return section;
}

Section<TimeWaitConfig> time_wait_section() {
    Section<TimeWaitConfig> section{"tcp.time_wait", false,
                                    "What is kept of a connection that we closed first."};
    section.duration<seconds>("duration_s", &TimeWaitConfig::duration, {1, 600}, "s",
                              "2·MSL: how long.");
    section.choice("policy", &TimeWaitConfig::policy, policy_names,
                   "When a SYN may open the connection anew: `strict` beyond its last sequence "
                   "number, `timestamps` beyond its last timestamp too (RFC 6191), `off` never.");
    section.integer("entries_max", &TimeWaitConfig::entries_max, {1, entries_most}, "",
                    "Entries of one worker, of each family.");
    section.choice("when_full", &TimeWaitConfig::when_full, when_full_names,
                   "What becomes of one more: the `oldest` entry makes room, or `refuse`: the "
                   "connection goes without.");
    return section;
}

void add_queue_keys(Section<ListenConfig>& section) {
    section.integer("syn_queue_max", &ListenConfig::syn_queue_max, {1, entries_most}, "",
                    "The SYN queue: connections of one worker on one port whose handshake is not "
                    "complete.");
    section.choice("syn_queue_when_full", &ListenConfig::syn_queue_when_full, queue_full_names,
                   "What a SYN gets then: `drop`, no answer, so that it comes again; `reset`, a "
                   "refusal.");
    section
        .integer("connections_max", &ListenConfig::connections_max, {1, entries_most}, "",
                 "Connections that one worker serves at once on one port; more wait in the accept "
                 "queue.")
        .by_default("as many as there is room for");
    section.integer("accept_queue_max", &ListenConfig::accept_queue_max, {0, entries_most}, "",
                    "The accept queue: established connections of one worker on one port that the "
                    "service has no room for yet.");
    section.choice("accept_queue_when_full", &ListenConfig::accept_queue_when_full,
                   queue_full_names,
                   "What becomes of the next: `drop`, its last ACK counts for nothing and the "
                   "SYN,ACK is sent again; `reset`, it is refused.");
    section.duration<seconds>("defer_accept_s", &ListenConfig::defer_accept, {0, 3'600}, "s",
                              "How long a connection without data is kept from the service; 0 for "
                              "not at all. It is rounded up to a time-out of the SYN,ACK.");
}

void add_http_keys(Section<ListenConfig>& section) {
    section
        .string("root", &ListenConfig::root,
                "The folder whose files are served; relative to the configuration's folder.")
        .must()
        .for_service("http");
    section
        .string("echo_path", &ListenConfig::echo_path,
                "The path that answers a POST with its own body; empty for none.")
        .for_service("http");
    section
        .integer("head_bytes_max", &ListenConfig::head_bytes_max, {256, 1'048'576}, "bytes",
                 "The longest request line with all its fields.")
        .for_service("http");
    section
        .integer("body_bytes_max", &ListenConfig::body_bytes_max, {0, 1'073'741'824}, "bytes",
                 "The longest request body.")
        .for_service("http");
    section
        .duration<seconds>("head_timeout_s", &ListenConfig::head_timeout, {1, 3'600}, "s",
                           "From a request's first byte to the end of its fields.")
        .for_service("http");
    section
        .duration<seconds>("body_timeout_s", &ListenConfig::body_timeout, {1, 3'600}, "s",
                           "Between two pieces of its body.")
        .for_service("http");
    section
        .duration<seconds>("idle_timeout_s", &ListenConfig::idle_timeout, {1, 86'400}, "s",
                           "Between requests on one connection, and between two acknowledgements "
                           "of what it was sent.")
        .for_service("http");
}

Section<ListenConfig> listen_section() {
    Section<ListenConfig> section{"listen", true, "A service on a port number."};
    section
        .choice("service", &ListenConfig::service, service_names,
                "`echo` sends back what comes, `discard` takes it, `source` sends and takes "
                "nothing, `http` serves files.")
        .must();
    section.choice("protocol", &ListenConfig::protocol, protocol_names,
                   "`udp` for `echo` and `discard` only.");
    section.integer("port", &ListenConfig::port, {1, 65'535}, "", "The port number.").must();
    section
        .parsed_list("addresses", &ListenConfig::addresses, "addresses", parse_plain_address,
                     "Which of the ports' addresses to listen on.")
        .by_default("[], every address of every port");
    section.boolean(
        "no_delay", &ListenConfig::no_delay,
        "Sends short segments at once; `false` makes them wait for what is on its way to be "
        "acknowledged (Nagle's algorithm).");
    section.boolean("linger_zero", &ListenConfig::linger_zero,
                    "Closes with RST: no TIME_WAIT, and what was queued is lost.");
    add_queue_keys(section);
    add_http_keys(section);
    section
        .integer("bytes", &ListenConfig::bytes, {0, 1'099'511'627'776}, "bytes",
                 "How much is sent to who connects.")
        .for_service("source");
    section.choice("then", &ListenConfig::then, then_names, "What follows the last byte.")
        .for_service("source");
    return section;
}

Section<tcp::Config> listen_tcp_section() {
    Section<tcp::Config> section{"listen.tcp", false, "The engine for the listener above it."};
    add_engine_keys(section);
    for (Key<tcp::Config>& key : section.keys) {
        key.by_default("that of [tcp]");
    }
    return section;
}

Section<ListenTimeWaitConfig> listen_time_wait_section() {
    Section<ListenTimeWaitConfig> section{"listen.time_wait", false,
                                          "TIME_WAIT of the listener above it."};
    section
        .duration<seconds>("duration_s", &ListenTimeWaitConfig::duration, {1, 600}, "s",
                           "2·MSL: how long; at most eight different ones in all.")
        .by_default("that of [tcp.time_wait]");
    section
        .choice("policy", &ListenTimeWaitConfig::policy, policy_names,
                "When a SYN may open the connection anew.")
        .by_default("that of [tcp.time_wait]");
    return section;
}

Section<ManagementConfig> management_section() {
    Section<ManagementConfig> section{"management", false, "How the running program is asked."};
    section.string("socket", &ManagementConfig::socket,
                   "The Unix socket that millrace-ctl talks to; empty for none.");
    section.duration<seconds>("drain_timeout_s", &ManagementConfig::drain_timeout, {0, 86'400}, "s",
                              "How long connections may take to finish after SIGTERM, before "
                              "they are cut.");
    return section;
}

Section<LogConfig> log_section() {
    Section<LogConfig> section{"log", false, "Messages on standard error."};
    section.choice("level", &LogConfig::level, level_names, "The least that is worth a line.");
    return section;
}

} // namespace

const Schema& schema() {
    static const Schema all{{eal_section(), workers_section(), port_section(), tcp_section(),
                             time_wait_section(), listen_section(), listen_tcp_section(),
                             listen_time_wait_section(), management_section(), log_section()}};
    return all;
}

} // namespace schema

std::string_view name(ServiceKind service) {
    return schema::name_of<ServiceKind>(schema::service_names, service);
}

std::string_view name(Protocol protocol) {
    return schema::name_of<Protocol>(schema::protocol_names, protocol);
}

std::string_view name(tcp::ReusePolicy policy) {
    return schema::name_of<tcp::ReusePolicy>(schema::policy_names, policy);
}

} // namespace millrace::runtime
