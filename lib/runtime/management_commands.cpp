#include "runtime/management.hpp"
#include "runtime/version.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>
#include <utility>
#include <vector>

namespace millrace::runtime {

namespace {

using nlohmann::json;

/// How much of an answer is made at a time. Lines are short, so a piece hardly exceeds it.
constexpr std::size_t piece_bytes = 65'536;

/// How many slots are looked at before others have their turn: well under a millisecond.
constexpr std::size_t slots_per_step = 1'024;

json line_of(const CounterReading& reading) {
    json line{{"group", *reading.group},
              {"name", reading.info->name},
              {"help", reading.info->help},
              {"kind", reading.info->kind == CounterKind::counter ? "counter" : "gauge"},
              {"value", reading.value}};
    if (!reading.worker_values.empty()) {
        line["workers"] = reading.worker_values;
    }
    return line;
}

/// One line for each counter.
class StatsReply : public Reply {
  public:
    explicit StatsReply(const CounterRegistry& counters) : counters_{counters} {}

    bool produce(std::string& out) override {
        while (next_ < counters_.size() && out.size() < piece_bytes) {
            out += line_of(counters_.read(next_++)).dump() + '\n';
        }
        if (next_ < counters_.size()) {
            return true;
        }
        out += json{{"done", true}, {"counters", next_}}.dump() + '\n';
        return false;
    }

  private:
    const CounterRegistry& counters_;
    std::size_t next_ = 0;
};

json line_of(const ConnectionInfo& connection) {
    return {{"state", ss_name(connection.state)},
            {"receive_queue_bytes", connection.receive_queue_bytes},
            {"send_queue_bytes", connection.send_queue_bytes},
            {"local_address", to_string(connection.local.address)},
            {"local_port", connection.local.port},
            {"remote_address", to_string(connection.remote.address)},
            {"remote_port", connection.remote.port},
            {"service", connection.service},
            {"worker", connection.worker}};
}

/// One line for each connection that the filter lets through.
class ConnectionsReply : public Reply {
  public:
    ConnectionsReply(ConnectionSource& source, ConnectionFilter filter)
        : source_{source}, filter_{std::move(filter)} {}

    bool produce(std::string& out) override {
        const auto next =
            source_.visit(cursor_, slots_per_step, [&](const ConnectionInfo& connection) {
                if (filter_.matches(connection)) {
                    out += line_of(connection).dump() + '\n';
                    ++shown_;
                }
            });
        if (next) {
            cursor_ = *next;
            return true;
        }
        out += json{{"done", true}, {"connections", shown_}}.dump() + '\n';
        return false;
    }

  private:
    ConnectionSource& source_;
    ConnectionFilter filter_;
    std::uint64_t cursor_ = 0;
    std::uint64_t shown_ = 0;
};

/// The words of "filter", or nothing when it is something else.
std::optional<std::vector<std::string>> filter_words(const json& request) {
    std::vector<std::string> words;
    if (!request.contains("filter")) {
        return words;
    }
    const json& list = request["filter"];
    if (!list.is_array()) {
        return std::nullopt;
    }
    for (const json& word : list) {
        if (!word.is_string()) {
            return std::nullopt;
        }
        words.push_back(word.get<std::string>());
    }
    return words;
}

std::unique_ptr<Reply> connections_reply(ConnectionSource& source, const json& request) {
    const auto words = filter_words(request);
    if (!words) {
        return error_reply(R"("filter" is a list of words, as ["state", "established"])");
    }
    ConnectionFilter::Parsed parsed = ConnectionFilter::parse(*words);
    if (!parsed.error.empty()) {
        return error_reply(parsed.error);
    }
    return std::make_unique<ConnectionsReply>(source, std::move(parsed.filter));
}

} // namespace

void add_commands(ManagementServer& server, const ManagementSubject& subject) {
    server.handle("version", [](const json&) {
        return final_reply({{"version", version()}, {"process", ::getpid()}});
    });
    server.handle("stats", [&counters = subject.counters](const json&) {
        return std::make_unique<StatsReply>(counters);
    });
    server.handle("conns", [&source = subject.connections](const json& request) {
        return connections_reply(source, request);
    });
    server.handle("drain", [drain = subject.drain](const json&) {
        drain();
        return final_reply({{"draining", true}});
    });
}

} // namespace millrace::runtime
