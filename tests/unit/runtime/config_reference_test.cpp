// The reference is complete because it is printed from the table that files are read by; what is
// left to check is that the printed file is the present one and that the table and the reader
// agree.

#include "runtime/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct DocumentedKey {
    std::string section; ///< With its brackets.
    std::string key;
    std::string facts;
};

std::vector<DocumentedKey> documented_keys() {
    std::vector<DocumentedKey> keys;
    std::istringstream lines{config_reference()};
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("## `")) {
            section = line.substr(4, line.size() - 5);
        } else if (line.starts_with("- **`")) {
            const auto end = line.find("`**");
            keys.push_back({section, line.substr(5, end - 5), line.substr(end)});
        }
    }
    return keys;
}

TEST(ConfigReference, IsTheFileInDocs) {
    std::ifstream file{MILLRACE_SOURCE_ROOT "/docs/configuration.md"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_EQ(text, config_reference())
        << "write it anew: millraced --explain-config > docs/configuration.md";
}

TEST(ConfigReference, NamesUnitsDefaultsAndRanges) {
    const std::string text = config_reference();
    EXPECT_THAT(text, HasSubstr("**`delayed_ack_ms`** (integer, 0 to 200 ms; default 40)"));
    EXPECT_THAT(text,
                HasSubstr("**`hugepages`** (string, \"auto\", \"on\", \"off\"; default \"auto\")"));
    EXPECT_THAT(text, HasSubstr("**`root`** (string; required; for the service \"http\")"));
    EXPECT_THAT(text, HasSubstr("**`cores`** (list of integers, each 0 to 1023; default [])"));
}

TEST(ConfigReference, SaysOfEveryKeyWhetherItHasADefault) {
    const auto keys = documented_keys();
    EXPECT_GT(keys.size(), 40U);
    for (const DocumentedKey& key : keys) {
        const bool required = key.facts.find("; required") != std::string::npos;
        const auto at = key.facts.find("; default ");
        EXPECT_NE(required, at != std::string::npos) << key.section << " " << key.key;
        if (!required) {
            EXPECT_NE(key.facts[at + 10], ')') << key.section << " " << key.key;
        }
    }
}

TEST(ConfigReference, ANumberOfAKeyWithAUnitIsNamedAfterIt) {
    for (const DocumentedKey& key : documented_keys()) {
        for (const std::string unit : {"us", "ms", "s", "bytes"}) {
            // A name ends in its unit, or in the words after it: "head_bytes_max".
            const bool named = key.key.ends_with("_" + unit) ||
                               key.key.find("_" + unit + "_") != std::string::npos ||
                               key.key == unit || key.key == "mtu";
            if (key.facts.find(" " + unit + "; ") != std::string::npos) {
                EXPECT_TRUE(named) << key.key << " counts " << unit;
            }
        }
    }
}

/// A section within which only `key` stands, with a value that no key takes.
std::string with_wrong_value(const DocumentedKey& key) {
    const std::string section =
        key.section.starts_with("[listen.") ? "[[listen]]\n" + key.section : key.section;
    return section + "\n" + key.key + " = 1979-05-27\n";
}

TEST(ConfigReference, EveryKeyIsReadAndItsTypeChecked) {
    for (const DocumentedKey& key : documented_keys()) {
        std::vector<std::string> messages;
        for (const ConfigError& error : parse_config(with_wrong_value(key), "r.toml").errors) {
            messages.push_back(error.to_string());
        }
        EXPECT_THAT(messages, Contains(testing::AllOf(HasSubstr("." + key.key + ": is a date"),
                                                      HasSubstr("; write "))))
            << key.section;
        EXPECT_THAT(messages, Not(Contains(HasSubstr("unknown"))));
    }
}

} // namespace
} // namespace millrace::runtime
