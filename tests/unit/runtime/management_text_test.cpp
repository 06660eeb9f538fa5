#include "runtime/management_text.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace millrace::runtime {
namespace {

using nlohmann::json;

json connection(const std::string& state, const std::string& remote, unsigned remote_port) {
    const bool ipv6 = remote.find(':') != std::string::npos;
    return {{"state", state},
            {"receive_queue_bytes", 0},
            {"send_queue_bytes", 12345},
            {"local_address", ipv6 ? "2001:db8::2" : "198.18.0.2"},
            {"local_port", 80},
            {"remote_address", remote},
            {"remote_port", remote_port}};
}

std::string table(const std::vector<json>& lines) {
    std::string text;
    ConnectionTable table{[&](const std::string& more) { text += more; }};
    for (const json& line : lines) {
        table.add(line);
    }
    table.finish();
    return text;
}

TEST(ConnectionTable, LooksLikeThatOfSs) {
    EXPECT_EQ(table({connection("LISTEN", "0.0.0.0", 0), connection("ESTAB", "198.18.0.1", 40001),
                     connection("TIME-WAIT", "2001:db8::1", 5)}),
              "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\n"
              "LISTEN     0      12345     198.18.0.2:80         0.0.0.0:*\n"
              "ESTAB      0      12345     198.18.0.2:80      198.18.0.1:40001\n"
              "TIME-WAIT  0      12345  [2001:db8::2]:80   [2001:db8::1]:5\n");
}

TEST(ConnectionTable, HasAHeadingWhenThereIsNothing) {
    EXPECT_EQ(table({}), "State      Recv-Q Send-Q Local Address:Port Peer Address:Port\n");
}

TEST(ConnectionTable, PassesOnLinesWithoutKeepingThem) {
    std::size_t seen = 0;
    ConnectionTable table{[&](const std::string&) { ++seen; }};
    for (int i = 0; i < 10'000; ++i) {
        table.add(connection("ESTAB", "198.18.0.1", 40001));
    }
    EXPECT_EQ(seen, 10'001U) << "the heading and every line, before the end is known";
    table.finish();
    EXPECT_EQ(seen, 10'001U);
}

json counter(const std::string& group, const std::string& name, std::uint64_t value) {
    return {{"group", group}, {"name", name}, {"value", value}};
}

std::string stats(const std::vector<std::string>& wanted) {
    std::string text;
    StatsText out{[&](const std::string& more) { text += more; }, wanted};
    out.add(counter("tcp", "segments_received", 42));
    out.add(counter("tcp", "resets_sent", 0));
    out.add(counter("port net0", "imissed", 18'446'744'073'709'551'615U));
    return text;
}

TEST(StatsText, GroupsNamesAndValues) {
    EXPECT_EQ(stats({}), "[tcp]\n"
                         "segments_received                        42\n"
                         "resets_sent                              0\n"
                         "\n"
                         "[port net0]\n"
                         "imissed                                  18446744073709551615\n");
}

/// C5: what each worker's entries cost.
TEST(StatsText, ShowsEachWorkersPart) {
    std::string text;
    StatsText out{[&](const std::string& more) { text += more; }, {"time_wait"}, true};
    nlohmann::json line = counter("use", "time_wait", 7);
    line["workers"] = {3, 4};
    out.add(line);
    out.add(counter("use", "half_open", 1));
    line = counter("use", "time_wait_bytes", 448);
    line["workers"] = {192, 256};
    out.add(line);
    out.add(counter("port net0", "time_wait_of_nobody", 5));
    EXPECT_EQ(text,
              "[use]                                               all       worker 0       "
              "worker 1\n"
              "time_wait                                             7              3         "
              "     4\n"
              "time_wait_bytes                                     448            192         "
              "   256\n"
              "\n"
              "[port net0]                                         all\n"
              "time_wait_of_nobody                                   5\n");
}

TEST(StatsText, ShowsWhatIsWanted) {
    EXPECT_EQ(stats({"net0", "resets"}), "[tcp]\n"
                                         "resets_sent                              0\n"
                                         "\n"
                                         "[port net0]\n"
                                         "imissed                                  "
                                         "18446744073709551615\n");
    EXPECT_EQ(stats({"port net0.imi"}), "[port net0]\n"
                                        "imissed                                  "
                                        "18446744073709551615\n");
}

} // namespace
} // namespace millrace::runtime
