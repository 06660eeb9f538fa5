// The configurations in configs/ are right as they stand.

#include "runtime/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::IsEmpty;
using testing::IsSupersetOf;

std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{MILLRACE_SOURCE_ROOT "/configs"}) {
        if (entry.path().extension() == ".toml") {
            found.push_back(entry.path().filename());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

TEST(Configs, AreAllThere) {
    EXPECT_THAT(names(), IsSupersetOf({"memif.toml", "pci-nic.toml", "quickstart.toml",
                                       "veth-af-packet.toml", "veth-af-xdp.toml", "vhost-user.toml",
                                       "virtio-user.toml"}));
}

class ConfigsEach : public testing::TestWithParam<std::string> {};

// F3.check
TEST_P(ConfigsEach, PassesTheCheck) {
    const LoadedConfig loaded =
        load_config(std::string{MILLRACE_SOURCE_ROOT "/configs/"} + GetParam());
    for (const ConfigError& error : loaded.errors) {
        ADD_FAILURE() << error.to_string();
    }
    EXPECT_THAT(loaded.errors, IsEmpty());
    EXPECT_FALSE(loaded.config.listeners.empty());
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(0, info.param.find('.'));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, ConfigsEach, testing::ValuesIn(names()), test_name);

} // namespace
} // namespace millrace::runtime
