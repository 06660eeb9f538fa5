#include "runtime/management.hpp"
#include "runtime/management_client.hpp"
#include "runtime/version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millrace::runtime {
namespace {

#if defined(__has_feature)
constexpr bool under_undefined_behaviour_sanitizer = __has_feature(undefined_behavior_sanitizer);
#else
constexpr bool under_undefined_behaviour_sanitizer = false;
#endif

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;
using boost::system::error_code;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Connection i of `count` has the remote port i; every third slot is empty.
class FakeSource : public ConnectionSource {
  public:
    explicit FakeSource(std::uint64_t count) : count_{count} {}

    std::optional<std::uint64_t> visit(std::uint64_t cursor, std::size_t slots_max,
                                       const Visitor& visitor) override {
        ++steps;
        const std::uint64_t end = std::min(cursor + slots_max, slots());
        for (std::uint64_t slot = cursor; slot < end; ++slot) {
            if (slot % 3 != 2) {
                visitor(connection(slot - slot / 3));
            }
        }
        return end == slots() ? std::nullopt : std::optional{end};
    }

    std::atomic<std::uint64_t> steps = 0;

  private:
    [[nodiscard]] std::uint64_t slots() const { return count_ + count_ / 2; }

    static ConnectionInfo connection(std::uint64_t index) {
        return {index % 2 == 0 ? tcp::State::established : tcp::State::time_wait,
                {*ip_from_string("198.18.0.2"), 80},
                {*ip_from_string("2001:db8::1"), static_cast<std::uint16_t>(index)},
                5,
                7,
                "http",
                1};
    }

    std::uint64_t count_;
};

class Management : public testing::Test {
  protected:
    Management() {
        std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
        folder = mkdtemp(pattern.data());
        path = (folder / "m.sock").string();
    }

    ~Management() override {
        if (thread.joinable()) {
            asio::post(io, [this] {
                server.reset();
                work.reset();
            });
            thread.join();
        }
        std::filesystem::remove_all(folder);
    }

    void start(ManagementLimits limits = {}, std::uint64_t connections = 5) {
        source = std::make_unique<FakeSource>(connections);
        server = std::make_unique<ManagementServer>(io, limits);
        counters.add("port net0", {"imissed", "dropped by the port"}, [] { return 3U; });
        counters.add("tcp", {"open", "connections", CounterKind::gauge}, [] { return 4U; });
        add_commands(*server, {counters, *source, [this] { ++drains; }});
        const auto problem = server->listen(path);
        ASSERT_FALSE(problem.has_value()) << problem->problem;
        thread = std::thread{[this] { io.run(); }};
    }

    /// The lines of an answer.
    std::vector<json> asked(const json& request) {
        std::vector<json> lines;
        const auto problem = ask(path, request, [&](const json& line) { lines.push_back(line); });
        error = problem ? problem->problem : "";
        return lines;
    }

    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::filesystem::path folder;
    std::string path;
    CounterRegistry counters;
    std::unique_ptr<FakeSource> source;
    std::unique_ptr<ManagementServer> server;
    std::atomic<int> drains = 0;
    std::string error;
    std::thread thread;
};

// F3.management
TEST_F(Management, TellsItsVersion) {
    start();
    EXPECT_THAT(asked({{"command", "version"}}),
                ElementsAre(json{{"version", version()}, {"process", ::getpid()}, {"done", true}}));
}

TEST_F(Management, TellsCounters) {
    start();
    EXPECT_THAT(asked({{"command", "stats"}}), ElementsAre(json{{"group", "port net0"},
                                                                {"name", "imissed"},
                                                                {"help", "dropped by the port"},
                                                                {"kind", "counter"},
                                                                {"value", 3}},
                                                           json{{"group", "tcp"},
                                                                {"name", "open"},
                                                                {"help", "connections"},
                                                                {"kind", "gauge"},
                                                                {"value", 4}},
                                                           json{{"done", true}, {"counters", 2}}));
}

TEST_F(Management, TellsConnections) {
    start({}, 1);
    EXPECT_THAT(asked({{"command", "conns"}}),
                ElementsAre(json{{"state", "ESTAB"},
                                 {"receive_queue_bytes", 5},
                                 {"send_queue_bytes", 7},
                                 {"local_address", "198.18.0.2"},
                                 {"local_port", 80},
                                 {"remote_address", "2001:db8::1"},
                                 {"remote_port", 0},
                                 {"service", "http"},
                                 {"worker", 1}},
                            json{{"done", true}, {"connections", 1}}));
}

TEST_F(Management, FiltersConnections) {
    start();
    const auto lines =
        asked({{"command", "conns"}, {"filter", {"state", "time-wait", "dport", ">", "1"}}});
    ASSERT_THAT(lines, SizeIs(2));
    EXPECT_EQ(lines[0]["remote_port"], 3);
    EXPECT_EQ(lines[1]["connections"], 1);
}

TEST_F(Management, RefusesAWrongFilter) {
    start();
    EXPECT_THAT(asked({{"command", "conns"}, {"filter", {"state", "tim-wait"}}}), IsEmpty());
    EXPECT_EQ(error, "\"tim-wait\" is not a state; did you mean \"time-wait\"?");
    EXPECT_THAT(asked({{"command", "conns"}, {"filter", "state"}}), IsEmpty());
    EXPECT_EQ(error, R"("filter" is a list of words, as ["state", "established"])");
    EXPECT_THAT(asked({{"command", "conns"}, {"filter", {1}}}), IsEmpty());
    EXPECT_EQ(error, R"("filter" is a list of words, as ["state", "established"])");
}

TEST_F(Management, BeginsToDrain) {
    start();
    EXPECT_THAT(asked({{"command", "drain"}}),
                ElementsAre(json{{"draining", true}, {"done", true}}));
    EXPECT_EQ(drains, 1);
}

TEST_F(Management, RefusesWhatItDoesNotKnow) {
    start();
    asked({{"command", "dance"}});
    EXPECT_EQ(error, "the command \"dance\" is not known; the commands are conns, drain, stats, "
                     "version");
    for (const json& request : {json{{"command", 7}}, json::object(), json::array(), json(3)}) {
        asked(request);
        EXPECT_EQ(error, R"(a request is one line of JSON, as {"command": "stats"})");
    }
}

TEST_F(Management, BytesThatAreNoTextAreRefusedOnBothSides) {
    start();
    asked({{"command", "\xff"}});
    EXPECT_THAT(error, HasSubstr("is not known"));
    asked({{"command", "conns"}, {"filter", {"service", "h\xe4ttp"}}});
    EXPECT_EQ(error, "") << "there is no such service, and that is all";
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    asio::write(client, asio::buffer(std::string{"{\"command\":\"\xff\"}\n"}));
    std::string answer;
    asio::read_until(client, asio::dynamic_buffer(answer), '\n');
    EXPECT_THAT(answer, HasSubstr("one line of JSON"));
}

/// Without a file descriptor to spare: the client waits in the backlog, and nothing spins.
TEST_F(Management, AClientThatCannotBeAcceptedIsAcceptedLater) {
    if (under_undefined_behaviour_sanitizer) {
        GTEST_SKIP() << "its check of virtual calls opens a pipe itself, and takes the lack of one "
                        "for a bad object";
    }
    std::ostringstream log;
    const auto logger = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "here", std::make_shared<spdlog::sinks::ostream_sink_st>(log)));
    server = std::make_unique<ManagementServer>(io);
    server->handle("version", [](const json&) { return final_reply({}); });
    ASSERT_FALSE(server->listen(path).has_value());
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    asio::write(client, asio::buffer(std::string{"{\"command\":\"version\"}\n"}));

    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int lowest_free = dup(0);
    close(lowest_free);
    const rlimit none_to_spare{static_cast<rlim_t>(lowest_free), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_to_spare), 0);
    io.run_for(std::chrono::milliseconds{20});
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const std::string said = log.str();
    EXPECT_THAT(said, HasSubstr("cannot be accepted"));
    EXPECT_LT(std::ranges::count(said, '\n'), 10);

    while (client.available() == 0) {
        io.run_one_for(std::chrono::seconds{10});
    }
    spdlog::set_default_logger(logger);
    server.reset();
}

/// As much nesting and as many terms as a request has room for.
TEST_F(Management, RequestsMadeToExhaustTheStackAreAnswered) {
    start();
    asked({{"command", "conns"}, {"filter", std::vector<std::string>(15'000, "(")}});
    EXPECT_THAT(error, HasSubstr("nested too deep"));
    std::string terms = "sport=1";
    while (terms.size() < 60'000) {
        terms += " sport=1";
    }
    asked({{"command", "conns"}, {"filter", {terms}}});
    EXPECT_EQ(error, "");
    const std::string brackets(65'000, '[');
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    asio::write(client, asio::buffer(brackets + '\n'));
    std::string answer;
    asio::read_until(client, asio::dynamic_buffer(answer), '\n');
    EXPECT_THAT(answer, HasSubstr("one line of JSON"));
}

TEST_F(Management, AnswersOneRequestAfterAnother) {
    start();
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    // Two at once and a half: the rest comes later.
    asio::write(client, asio::buffer(std::string{"not json\n{\"command\":\"drain\"}\n{\"comm"}));
    std::string buffer;
    const auto next_line = [&] {
        const std::size_t length = asio::read_until(client, asio::dynamic_buffer(buffer), '\n');
        const std::string line = buffer.substr(0, length);
        buffer.erase(0, length);
        return line;
    };
    EXPECT_THAT(next_line(), HasSubstr("one line of JSON"));
    EXPECT_THAT(next_line(), HasSubstr("draining"));
    asio::write(client, asio::buffer(std::string{"and\":\"version\"}\n"}));
    EXPECT_THAT(next_line(), HasSubstr("process"));
}

TEST_F(Management, ARequestWithoutEndIsRefused) {
    start({.request_bytes_max = 1000});
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    asio::write(client, asio::buffer(std::string(1000, 'x')));
    std::string answer;
    error_code code;
    asio::read(client, asio::dynamic_buffer(answer), code);
    EXPECT_EQ(code, asio::error::eof);
    EXPECT_EQ(answer, "{\"done\":true,\"error\":\"a request has at most 1000 bytes\"}\n");
}

TEST_F(Management, ManyClientsAreServedAtOnce) {
    start({}, 3'000);
    std::vector<std::thread> clients;
    std::atomic<int> lines = 0;
    std::atomic<int> problems = 0;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            const auto problem = ask(path, {{"command", "conns"}}, [&](const json&) { ++lines; });
            problems += problem ? 1 : 0;
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(problems, 0);
    EXPECT_EQ(lines, 8 * 3'001);
}

TEST_F(Management, OneClientTooManyIsTurnedAway) {
    start({.clients_max = 2});
    asio::io_context context;
    Local::socket first{context};
    Local::socket second{context};
    first.connect(Local::endpoint{path});
    second.connect(Local::endpoint{path});
    EXPECT_THAT(asked({{"command", "version"}}), IsEmpty());
    EXPECT_EQ(error, "too many clients; try again");
    second.close();
    // The server notices in its own time.
    while (asked({{"command", "version"}}).empty()) {
        std::this_thread::yield();
    }
}

TEST_F(Management, AClientThatTakesNothingHoldsUpNobodyAndNoMemory) {
    constexpr std::uint64_t many = 1'000'000;
    start({}, many);
    asio::io_context context;
    Local::socket lazy{context};
    lazy.connect(Local::endpoint{path});
    asio::write(lazy, asio::buffer(std::string{"{\"command\":\"conns\"}\n"}));
    // One byte shows that its answer has begun; it takes no more.
    char byte = 0;
    asio::read(lazy, asio::buffer(&byte, 1));
    for (int i = 0; i < 200; ++i) {
        EXPECT_THAT(asked({{"command", "version"}}), SizeIs(1));
    }
    const std::uint64_t all_steps = many * 3 / 2 / 1024;
    EXPECT_LT(source->steps, all_steps / 2) << "the walk waits for its client";
}

TEST_F(Management, ASilentClientIsSentAway) {
    start({.silence_max = std::chrono::milliseconds{10}});
    asio::io_context context;
    Local::socket client{context};
    client.connect(Local::endpoint{path});
    char byte = 0;
    error_code code;
    asio::read(client, asio::buffer(&byte, 1), code);
    EXPECT_EQ(code, asio::error::eof);
}

TEST_F(Management, AClientThatLeavesInMidAnswerIsForgotten) {
    start({.clients_max = 1}, 100'000);
    {
        asio::io_context context;
        Local::socket client{context};
        client.connect(Local::endpoint{path});
        asio::write(client, asio::buffer(std::string{"{\"command\":\"conns\"}\n"}));
        char byte = 0;
        asio::read(client, asio::buffer(&byte, 1));
    }
    while (asked({{"command", "version"}}).empty()) {
        std::this_thread::yield();
    }
}

TEST_F(Management, SocketIsForOwnerAndGroup) {
    start();
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(Management, SocketGoesWithTheServer) {
    ManagementServer first{io};
    ASSERT_FALSE(first.listen(path).has_value());
    ASSERT_TRUE(std::filesystem::exists(path));
    first.close();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Management, ReplacesASocketThatIsLeftOver) {
    asio::io_context context;
    Local::acceptor{context, Local::endpoint{path}}.close();
    ASSERT_TRUE(std::filesystem::exists(path));
    start();
    EXPECT_THAT(asked({{"command", "version"}}), SizeIs(1));
}

TEST_F(Management, LeavesASocketThatIsAnswered) {
    start();
    asio::io_context context;
    ManagementServer second{context};
    const auto problem = second.listen(path);
    ASSERT_TRUE(problem.has_value());
    EXPECT_EQ(problem->problem, "another program answers on \"" + path + "\"");
    EXPECT_EQ(problem->remedy, "stop that one, or choose another path");
    second.close();
    EXPECT_THAT(asked({{"command", "version"}}), SizeIs(1));
}

TEST_F(Management, LeavesAFileThatIsNoSocket) {
    std::ofstream{path} << "precious";
    ManagementServer refused{io};
    const auto problem = refused.listen(path);
    ASSERT_TRUE(problem.has_value());
    EXPECT_EQ(problem->problem, "\"" + path + "\" is there already and is no socket");
    refused.close();
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(Management, MakesTheLastFolderOfThePath) {
    path = (folder / "run" / "m.sock").string();
    start();
    EXPECT_THAT(asked({{"command", "version"}}), SizeIs(1));
}

TEST_F(Management, SaysThatAFolderIsMissing) {
    ManagementServer refused{io};
    const auto problem = refused.listen((folder / "a" / "b" / "m.sock").string());
    ASSERT_TRUE(problem.has_value());
    EXPECT_THAT(problem->problem, HasSubstr("No such file or directory"));
    EXPECT_EQ(problem->remedy, "make its folder, or choose another path");
}

TEST_F(Management, SaysThatThereIsNoPermission) {
    // /proc takes nobody's files, root's neither; what it answers is close enough.
    ManagementServer refused{io};
    const auto problem = refused.listen("/proc/m.sock");
    ASSERT_TRUE(problem.has_value());
    EXPECT_THAT(problem->problem, HasSubstr("\"/proc/m.sock\" cannot be opened: "));
    if (::geteuid() == 0) {
        ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
        ASSERT_EQ(::seteuid(65534), 0);
        const auto denied = refused.listen(path);
        ASSERT_EQ(::seteuid(0), 0);
        ASSERT_TRUE(denied.has_value());
        EXPECT_EQ(denied->problem, "\"" + path + "\" cannot be opened: Permission denied");
        EXPECT_EQ(denied->remedy, "run as root, or choose a path that this user may write, as "
                                  "\"/tmp/millraced.sock\"");
    }
}

TEST_F(Management, AClientIsToldThatNobodyIsThere) {
    const json request{{"command", "version"}};
    const auto ignore = [](const json&) {};
    const auto absent = ask(path, request, ignore);
    ASSERT_TRUE(absent.has_value());
    EXPECT_EQ(absent->problem, "there is no socket \"" + path + "\"");
    EXPECT_EQ(absent->remedy, "start millraced, or name its socket with --socket");
    asio::io_context context;
    Local::acceptor{context, Local::endpoint{path}}.close();
    const auto left_over = ask(path, request, ignore);
    ASSERT_TRUE(left_over.has_value());
    EXPECT_EQ(left_over->problem, "nobody answers on \"" + path + "\"");
    const auto long_path = ask(std::string(200, 'x'), request, ignore);
    ASSERT_TRUE(long_path.has_value());
    EXPECT_THAT(long_path->problem, HasSubstr("too long"));
}

TEST_F(Management, AClientIsToldThatTheAnswerBrokeOff) {
    asio::io_context context;
    Local::acceptor acceptor{context, Local::endpoint{path}};
    std::thread liar{[&] {
        Local::socket client = acceptor.accept();
        std::string line;
        asio::read_until(client, asio::dynamic_buffer(line), '\n');
        asio::write(client, asio::buffer(std::string{"{\"value\":1}\n{\"val"}));
    }};
    const auto lines = asked({{"command", "stats"}});
    liar.join();
    EXPECT_THAT(lines, SizeIs(1));
    EXPECT_THAT(error, HasSubstr("broke off"));
}

} // namespace
} // namespace millrace::runtime
