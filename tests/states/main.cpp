#include "player.hpp"
#include "table.hpp"
#include "tcp/state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

/// usage: state_table [--gtest_...] TABLE
/// B1.table: makes a packet script of every row, and plays it over IPv4 and IPv6 against one worker
/// in virtual time: half-open, whole and TIME-WAIT entries alike. Each also with sequence numbers
/// that wrap, ours and the peer's. A failure names the row.
namespace millrace::states {
namespace {

struct Variant {
    const char* name;
    script::Family family;
    const char* settings;
};

// Our clock of 4 µs has gone on by 25,000 when the way's first segment comes.
constexpr const char* wraps = "--peer_iss=4294967294\n--iss=4294942294\n";
constexpr Variant variants[] = {
    {"ipv4", script::Family::ipv4, ""},
    {"ipv6", script::Family::ipv6, ""},
    {"ipv4_at_the_wrap", script::Family::ipv4, wraps},
    {"ipv6_at_the_wrap", script::Family::ipv6, wraps},
};

class RowTest : public testing::Test {
  public:
    RowTest(std::string path, const State& state, const Row& row, const std::string& script,
            const Variant& variant)
        : path_{std::move(path)}, state_{state}, row_{row}, script_{"// B1.table: " + state.name +
                                                                    " receives " + row.segment +
                                                                    ".\n" + variant.settings +
                                                                    script},
          family_{variant.family} {}

    void TestBody() override {
        try {
            const script::Script script = script::parse(path_, script_);
            script::Player{script, script::settings_of(script, family_), family_}.play();
        } catch (const script::Failure& failure) {
            ADD_FAILURE_AT(path_.c_str(), static_cast<int>(row_.line))
                << state_.name << " receives " << row_.segment << ": " << row_.reply << ", then "
                << row_.next << " (" << row_.rule << ")\n"
                << failure.what() << "\nat line " << failure.line << " of\n"
                << script_;
        }
    }

  private:
    std::string path_;
    const State& state_;
    const Row& row_;
    std::string script_;
    script::Family family_;
};

class WholeTableTest : public testing::Test {
  public:
    explicit WholeTableTest(const Table& table) : table_{table} {}

    void TestBody() override {
        for (const std::string& pair : pairs_amiss(table_)) {
            ADD_FAILURE() << pair;
        }
        for (int i = 0; i <= static_cast<int>(tcp::State::time_wait); ++i) {
            const auto name = tcp::name(static_cast<tcp::State>(i));
            EXPECT_TRUE(std::ranges::any_of(
                table_.states, [name](const State& state) { return state.rfc_name() == name; }))
                << name << " is missing";
        }
    }

  private:
    const Table& table_;
};

std::string test_name(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return text;
}

void add(const Table& table, const std::string& path) {
    testing::RegisterTest("B1_table", "every_pair_once", nullptr, nullptr, path.c_str(), 1,
                          [&table]() -> testing::Test* { return new WholeTableTest{table}; });
    for (const State& state : table.states) {
        for (const Row& row : state.rows) {
            for (const Variant& variant : variants) {
                testing::RegisterTest(
                    test_name("B1_table_" + state.name).c_str(),
                    test_name(row.segment + '_' + variant.name).c_str(), nullptr, nullptr,
                    path.c_str(), static_cast<int>(row.line),
                    [&, path, script = script_of(table, state, row)]() -> testing::Test* {
                        return new RowTest{path, state, row, script, variant};
                    });
            }
        }
    }
}

} // namespace
} // namespace millrace::states

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    std::ifstream file{argc == 2 ? argv[1] : ""};
    if (!file) {
        std::fputs("usage: state_table [--gtest_...] TABLE\n", stderr);
        return 2;
    }
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    try {
        static const millrace::states::Table table = millrace::states::parse(text);
        millrace::states::add(table, argv[1]);
    } catch (const millrace::states::Error& error) {
        std::fprintf(stderr, "%s:%s\n", argv[1], error.what());
        return 2;
    }
    return RUN_ALL_TESTS();
}
