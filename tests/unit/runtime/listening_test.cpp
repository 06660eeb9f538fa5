#include "runtime/listening.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::ElementsAre;

std::vector<std::string> lines(const std::string& text) {
    const LoadedConfig loaded = parse_config(text, "l.toml");
    EXPECT_TRUE(loaded.errors.empty());
    std::vector<std::string> result;
    for (const ConnectionInfo& line : listening(loaded.config)) {
        EXPECT_EQ(line.state, tcp::State::listen);
        result.push_back(std::string{line.service} + " " + to_string(line.local) + " " +
                         to_string(line.remote));
    }
    return result;
}

constexpr const char* both_families = "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\n"
                                      "addresses = [\"198.18.0.2/24\", \"2001:db8::2/64\"]\n";
constexpr const char* ipv4_only = "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\n"
                                  "addresses = [\"198.18.0.2/24\"]\n";
constexpr const char* echo = "[[listen]]\nservice = \"echo\"\nport = 7\n";

TEST(Listening, AnyAddressIsOneLineForEachFamily) {
    EXPECT_THAT(lines(std::string{both_families} + echo),
                ElementsAre("echo 0.0.0.0:7 0.0.0.0:0", "echo [::]:7 [::]:0"));
    EXPECT_THAT(lines(std::string{ipv4_only} + echo), ElementsAre("echo 0.0.0.0:7 0.0.0.0:0"));
}

TEST(Listening, ANamedAddressIsOneLine) {
    EXPECT_THAT(lines(std::string{both_families} + echo + "addresses = [\"2001:db8::2\"]\n"),
                ElementsAre("echo [2001:db8::2]:7 [::]:0"));
}

TEST(Listening, UdpHasNoConnections) {
    EXPECT_THAT(lines(std::string{both_families} + echo + "protocol = \"udp\"\n"), ElementsAre());
}

} // namespace
} // namespace millrace::runtime
