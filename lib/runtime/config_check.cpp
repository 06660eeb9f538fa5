#include "config_schema.hpp"

#include "stack/core.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <sys/un.h>
#include <unistd.h>

namespace millrace::runtime::schema {

namespace {

constexpr std::size_t time_wait_durations_max = 8;
constexpr std::size_t port_name_bytes_max = 31;
constexpr std::uint16_t ipv6_mtu_min = 1280; // RFC 8200 §5

std::string port_key(std::size_t index, std::string_view key) {
    return fmt::format("port[{}].{}", index, key);
}

std::string listen_key(std::size_t index, std::string_view key) {
    return fmt::format("listen[{}].{}", index, key);
}

void report(Reading& reading, const std::string& key, std::string problem, std::string remedy) {
    reading.errors.push_back(reading.origin.error(key, std::move(problem), std::move(remedy)));
}

std::uint32_t line_of(const Reading& reading, const std::string& key) {
    return reading.origin.error(key, {}, {}).line;
}

void check_workers(const WorkersConfig& workers, Reading& reading) {
    if (reading.failed("workers")) {
        return;
    }
    if (!workers.cores.empty() && workers.cores.size() != workers.count) {
        report(reading, "workers.cores",
               fmt::format("names {} cores for {} workers", workers.cores.size(), workers.count),
               "name one core for each worker, or none");
    }
    std::set<std::uint32_t> seen;
    for (std::size_t i = 0; i < workers.cores.size(); ++i) {
        if (!seen.insert(workers.cores[i]).second) {
            report(reading, fmt::format("workers.cores[{}]", i),
                   fmt::format("core {} has a worker already", workers.cores[i]),
                   "give each worker a core of its own");
        }
    }
}

/// Counters and messages carry the name, so it is one word.
void check_port_name(const std::string& name, std::size_t index, Reading& reading) {
    constexpr std::string_view permitted =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (name.size() > port_name_bytes_max ||
        name.find_first_not_of(permitted) != std::string::npos) {
        report(reading, port_key(index, "name"), in_quotes(name) + " is not a name",
               fmt::format("write one word of at most {} letters, digits, \"_\", \".\" and \"-\"",
                           port_name_bytes_max));
    }
}

/// A port's name and its device are its own.
void check_unique(const std::vector<PortConfig>& ports, std::string PortConfig::*member,
                  std::string_view key, const std::string& remedy, Reading& reading) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const std::string& value = ports[i].*member;
        if (value.empty() && !reading.failed(port_key(i, key))) {
            report(reading, port_key(i, key), "is empty", remedy);
        }
        for (std::size_t j = 0; j < i && !value.empty(); ++j) {
            if (ports[j].*member == value) {
                report(reading, port_key(i, key),
                       fmt::format("{} is already that of port[{}] (line {})", in_quotes(value), j,
                                   line_of(reading, port_key(j, key))),
                       remedy);
                break;
            }
        }
    }
}

void check_port_addresses(const std::vector<PortConfig>& ports, Reading& reading) {
    std::map<std::string, std::string> owners;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].addresses.empty() && !reading.failed(port_key(i, "addresses"))) {
            report(reading, port_key(i, "addresses"), "is empty",
                   R"(write at least one, as ["198.18.0.2/24"])");
        }
        for (const IpPrefix& prefix : ports[i].addresses) {
            const std::string address = to_string(address_of(prefix));
            const auto [owner, is_new] = owners.emplace(address, port_key(i, "addresses"));
            if (!is_new) {
                report(reading, port_key(i, "addresses"),
                       fmt::format("{} stands in {} already (line {})", address, owner->second,
                                   line_of(reading, owner->second)),
                       "give each address to one port, once");
                break; // Of two ranges many may be the same.
            }
        }
        if (ports[i].addresses.size() > port_addresses_max) {
            report(reading, port_key(i, "addresses"),
                   fmt::format("has {} addresses, more than the {} that a port may have",
                               ports[i].addresses.size(), port_addresses_max),
                   "write fewer");
        }
    }
}

void check_gateways(const PortConfig& port, std::size_t index, Reading& reading) {
    bool seen[2] = {false, false};
    for (std::size_t i = 0; i < port.gateways.size(); ++i) {
        const IpAddr& gateway = port.gateways[i];
        const std::string key = port_key(index, fmt::format("gateways[{}]", i));
        if (std::exchange(seen[is_ipv6(gateway) ? 1 : 0], true)) {
            report(reading, key,
                   fmt::format("{} is the second gateway of its family", to_string(gateway)),
                   "name one IPv4 and one IPv6 gateway at most");
        }
        const bool on_link =
            std::any_of(port.addresses.begin(), port.addresses.end(),
                        [&](const IpPrefix& prefix) { return contains(prefix, gateway); });
        const auto* ipv6 = std::get_if<wire::Ipv6Addr>(&gateway);
        if (!on_link && (ipv6 == nullptr || !ipv6->is_link_local())) {
            report(reading, key,
                   fmt::format("{} is on none of the port's networks", to_string(gateway)),
                   "name a gateway that one of the port's addresses reaches");
        }
        const bool own =
            std::any_of(port.addresses.begin(), port.addresses.end(),
                        [&](const IpPrefix& prefix) { return address_of(prefix) == gateway; });
        if (own) {
            report(reading, key, fmt::format("{} is the port's own address", to_string(gateway)),
                   "name the router's address");
        }
    }
}

void check_port(const Config& config, std::size_t index, Reading& reading) {
    const PortConfig& port = config.ports[index];
    check_port_name(port.name, index, reading);
    if (!reading.failed(port_key(index, "addresses")) &&
        !reading.failed(port_key(index, "gateways"))) {
        check_gateways(port, index, reading);
    }
    const bool has_ipv6 =
        std::any_of(port.addresses.begin(), port.addresses.end(),
                    [](const IpPrefix& prefix) { return is_ipv6(address_of(prefix)); });
    if (has_ipv6 && port.mtu < ipv6_mtu_min) {
        report(reading, port_key(index, "mtu"), fmt::format("{} is too small for IPv6", port.mtu),
               fmt::format("write {} or more, or remove the IPv6 addresses", ipv6_mtu_min));
    }
    if (port.queues && *port.queues > config.workers.count && !reading.failed("workers.count")) {
        report(reading, port_key(index, "queues"),
               fmt::format("{} queues for {} workers", *port.queues, config.workers.count),
               "write no more queues than there are workers");
    }
}

void check_ports(const Config& config, Reading& reading) {
    if (config.ports.empty() && !reading.failed("port")) {
        report(reading, "port", "there is no port",
               "add a [[port]] with its name, device and addresses");
    }
    check_unique(config.ports, &PortConfig::name, "name", "give each port a name of its own",
                 reading);
    check_unique(config.ports, &PortConfig::device, "device", "give each port a device of its own",
                 reading);
    check_port_addresses(config.ports, reading);
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        check_port(config, i, reading);
    }
}

/// What is wrong between the keys of [tcp], or of a listener's own.
void check_engine(const tcp::Config& engine, const std::string& section, Reading& reading) {
    if (!reading.failed(section) && engine.rto_min > engine.rto_max) {
        report(reading, section + ".retransmission_timeout_min_ms",
               "is more than retransmission_timeout_max_ms", "write no more than that");
    }
}

void check_tcp(const Config& config, Reading& reading) {
    check_engine(config.tcp, "tcp", reading);
    if (!reading.failed("tcp") &&
        config.tcp.ephemeral_port_first > config.tcp.ephemeral_port_last) {
        report(reading, "tcp.ephemeral_port_first", "is more than ephemeral_port_last",
               "write no more than that");
    }
    std::set<Duration> durations{config.tcp.time_wait.duration};
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
        const bool is_new =
            durations.insert(time_wait_of(config.listeners[i], config.tcp.time_wait).duration)
                .second;
        if (is_new && durations.size() == time_wait_durations_max + 1) {
            report(reading, listen_key(i, "time_wait.duration_s"),
                   fmt::format("is one more than the {} different durations that are kept",
                               time_wait_durations_max),
                   "use one of the others");
        }
    }
}

void check_engine_count(const Config& config, Reading& reading) {
    if (engine_configs(config).size() > stack::WorkerSettings::tcp_max) {
        report(reading, "listen",
               fmt::format("listeners have more than {} different [listen.tcp]",
                           stack::WorkerSettings::tcp_max),
               "let some of them share their settings");
    }
}

/// The address that both listeners would hear on, in words; empty when there is none.
std::string common_address(const ListenConfig& a, const ListenConfig& b) {
    if (a.addresses.empty() && b.addresses.empty()) {
        return "every address";
    }
    const ListenConfig& named = a.addresses.empty() ? b : a;
    const ListenConfig& other = a.addresses.empty() ? a : b;
    for (const IpAddr& address : named.addresses) {
        const bool heard = other.addresses.empty() ||
                           std::find(other.addresses.begin(), other.addresses.end(), address) !=
                               other.addresses.end();
        if (heard) {
            return to_string(address);
        }
    }
    return {};
}

bool read_whole(std::size_t index, const Reading& reading) {
    return !reading.failed(listen_key(index, "port")) &&
           !reading.failed(listen_key(index, "protocol")) &&
           !reading.failed(listen_key(index, "addresses"));
}

void check_overlaps(const Config& config, Reading& reading) {
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
        const ListenConfig& late = config.listeners[i];
        for (std::size_t j = 0; j < i && read_whole(i, reading); ++j) {
            const ListenConfig& early = config.listeners[j];
            if (late.port != early.port || late.protocol != early.protocol ||
                !read_whole(j, reading)) {
                continue;
            }
            const std::string address = common_address(late, early);
            if (!address.empty()) {
                report(reading, listen_key(i, "port"),
                       fmt::format("{} port {} on {} is already taken by listen[{}] (line {})",
                                   name(late.protocol), late.port, address, j,
                                   line_of(reading, fmt::format("listen[{}]", j))),
                       "choose another port, or give the two listeners different addresses");
                break;
            }
        }
    }
}

std::string first_few(const std::vector<std::string>& words) {
    constexpr std::size_t few = 8;
    const auto first = std::span{words}.first(std::min(few, words.size()));
    return fmt::format("{}{}", fmt::join(first, ", "), words.size() > few ? ", …" : "");
}

void check_listen_addresses(const Config& config, std::size_t index, Reading& reading) {
    if (reading.failed("port")) {
        return;
    }
    const ListenConfig& listener = config.listeners[index];
    std::vector<std::string> owned;
    for (const PortConfig& port : config.ports) {
        for (const IpPrefix& prefix : port.addresses) {
            owned.push_back(to_string(address_of(prefix)));
        }
    }
    for (std::size_t i = 0; i < listener.addresses.size(); ++i) {
        const std::string address = to_string(listener.addresses[i]);
        if (std::find(owned.begin(), owned.end(), address) == owned.end()) {
            report(reading, listen_key(index, fmt::format("addresses[{}]", i)),
                   fmt::format("no port has the address {}", address),
                   fmt::format("write one of {}, or add it to a [[port]]", first_few(owned)));
        }
    }
}

/// Makes a listener's root absolute or relative to where the program runs, and looks at it.
void check_root(ListenConfig& listener, std::size_t index, Reading& reading) {
    namespace fs = std::filesystem;
    const std::string key = listen_key(index, "root");
    if (listener.service != ServiceKind::http || reading.failed(key) ||
        reading.failed(listen_key(index, "service"))) {
        return;
    }
    const fs::path path = fs::path{reading.origin.file}.parent_path() / listener.root;
    const std::string remedy = "name a folder that holds the files to serve";
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (listener.root.empty()) {
        report(reading, key, "is empty", remedy);
    } else if (status.type() == fs::file_type::not_found) {
        report(reading, key, in_quotes(path.string()) + " does not exist", "make it, or " + remedy);
    } else if (error) {
        report(reading, key, in_quotes(path.string()) + ": " + error.message(), remedy);
    } else if (status.type() != fs::file_type::directory) {
        report(reading, key, in_quotes(path.string()) + " is not a folder", remedy);
    } else if (access(path.c_str(), R_OK | X_OK) != 0) {
        report(reading, key, in_quotes(path.string()) + " may not be read by this user",
               "permit it with chmod, or " + remedy);
    }
    listener.root = path.string();
}

void check_listener(Config& config, std::size_t index, Reading& reading) {
    ListenConfig& listener = config.listeners[index];
    check_listen_addresses(config, index, reading);
    if (listener.tcp != config.tcp && !reading.failed("tcp")) {
        check_engine(listener.tcp, listen_key(index, "tcp"), reading);
    }
    check_root(listener, index, reading);
    if (listener.protocol == Protocol::udp && listener.service != ServiceKind::echo &&
        listener.service != ServiceKind::discard) {
        report(reading, listen_key(index, "protocol"),
               fmt::format("the service {} does not speak udp", in_quotes(name(listener.service))),
               R"(write "tcp", or take the service "echo" or "discard")");
    }
    if (!listener.echo_path.empty() && listener.echo_path.front() != '/') {
        report(reading, listen_key(index, "echo_path"),
               in_quotes(listener.echo_path) + " does not begin with a slash",
               "write " + in_quotes("/" + listener.echo_path));
    }
}

void check_management(const ManagementConfig& management, Reading& reading) {
    if (management.socket.size() >= sizeof(sockaddr_un::sun_path)) {
        report(reading, "management.socket",
               fmt::format("has {} bytes, more than the path of a socket may have",
                           management.socket.size()),
               fmt::format("choose a path of at most {} bytes", sizeof(sockaddr_un::sun_path) - 1));
    }
}

} // namespace

void check(Config& config, Reading& reading) {
    check_workers(config.workers, reading);
    check_ports(config, reading);
    check_tcp(config, reading);
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
        check_listener(config, i, reading);
    }
    check_engine_count(config, reading);
    check_overlaps(config, reading);
    check_management(config.management, reading);
}

} // namespace millrace::runtime::schema
