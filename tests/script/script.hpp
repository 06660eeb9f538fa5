#pragma once

#include "base/time.hpp"
#include "segment.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

/// A script as it is read, line by line.
namespace millrace::script {

/// When something happens or is to have happened, in the script's own time.
struct Time {
    enum class Kind : std::uint8_t { absolute, relative, any };
    Kind kind = Kind::relative;
    Duration from{};
    std::optional<Duration> to;        ///< `+0.1~+0.2`: at some time between.
    std::optional<Duration> call_ends; ///< `+0...0.2`: a call that blocks until then.
};

/// `< segment`: the peer sends.
struct Inbound {
    Segment segment;
};

/// `> segment`: the stack must send.
struct Outbound {
    Segment segment;
};

/// `< [1:1001(1000)] icmp unreachable frag_needed mtu 1240`: a router answers a segment of ours.
struct IcmpError {
    enum class Kind : std::uint8_t {
        net_unreachable,
        host_unreachable,
        port_unreachable,
        admin_prohibited,
        frag_needed,
        time_exceeded,
    };
    Segment quoted; ///< Its sequence number and length.
    Kind kind = Kind::net_unreachable;
    std::uint16_t mtu = 0; ///< Over IPv4; over IPv6 it is 20 more, for the same MSS.
};

/// `write(4, ..., 1000) = 1000` or `= -1 EPIPE (Broken pipe)`.
struct Call {
    std::string name;
    std::vector<std::string> arguments; ///< As they stand, without blanks around them.
    std::optional<std::int64_t> result; ///< None for `?`.
    std::string error;                  ///< The errno's name.
};

/// `%{ cwnd >= 10000 }%`: one comparison; several between semicolons become several events.
struct Assertion {
    std::string name;
    std::string comparison; ///< One of == != < <= > >=.
    std::string value;
};

struct Event {
    unsigned line = 0;
    Time time;
    std::variant<Inbound, IcmpError, Outbound, Call, Assertion> what;
};

/// `--name=value`
struct Setting {
    unsigned line = 0;
    std::string name;
    std::string value;
};

struct Script {
    std::string path;
    std::string title; ///< The first comment: which id of docs/behaviour.md it shows, and how.
    std::vector<Setting> settings;
    std::vector<Event> events;
};

/// What is wrong with a script, or with what it met, and where.
class Failure : public std::runtime_error {
  public:
    Failure(unsigned at, const std::string& text) : std::runtime_error{text}, line{at} {}
    unsigned line;
};

/// Reads a script. Throws `Failure`.
[[nodiscard]] Script parse(const std::string& path, const std::string& text);

} // namespace millrace::script
