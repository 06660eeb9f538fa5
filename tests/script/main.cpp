#include "player.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

/// usage: packet_scripts [--gtest_...] SCRIPT|FOLDER...
/// Plays each script against the stack in virtual time, over IPv4 and over IPv6: two GoogleTest
/// cases, named after its folder, its name and the family. A failure names the script's line, what
/// was expected there and what came.
namespace millrace::script {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// Scripts that show that the runner sees what is wrong have a line `// fails: LINE: TEXT`, with a
/// part of what it must say.
std::string wanted_failure(const std::string& text) {
    constexpr std::string_view mark = "// fails: ";
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) {
        return {};
    }
    const std::size_t begin = at + mark.size();
    return text.substr(begin, text.find('\n', begin) - begin);
}

class Case : public testing::Test {
  public:
    Case(std::string path, Family family) : path_{std::move(path)}, family_{family} {}

    void TestBody() override {
        const std::string text = contents(path_);
        const std::string wanted = wanted_failure(text);
        try {
            play(text);
            if (!wanted.empty()) {
                ADD_FAILURE_AT(path_.c_str(), 1) << "the script should fail: " << wanted;
            }
        } catch (const Failure& failure) {
            const std::string found = std::to_string(failure.line) + ": " + failure.what();
            if (wanted.empty() || found.find(wanted) == std::string::npos) {
                ADD_FAILURE_AT(path_.c_str(), static_cast<int>(failure.line)) << failure.what();
            }
        }
    }

  private:
    void play(const std::string& text) const {
        const Script script = parse(path_, text);
        Player{script, settings_of(script, family_), family_}.play();
    }

    std::string path_;
    Family family_;
};

/// Whether a script runs in this family. One that cannot be read does, to say so.
bool runs_in(const fs::path& path, Family family) {
    try {
        return settings_of(parse(path, contents(path)), family).only.value_or(family) == family;
    } catch (const Failure&) {
        return true;
    }
}

void add(const fs::path& path) {
    const std::string suite = path.parent_path().filename().string();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!runs_in(path, family)) {
            continue;
        }
        const std::string name =
            path.stem().string() + (family == Family::ipv4 ? "_ipv4" : "_ipv6");
        testing::RegisterTest(
            suite.c_str(), name.c_str(), nullptr, nullptr, path.c_str(), 1,
            [path = path.string(), family]() -> testing::Test* { return new Case(path, family); });
    }
}

/// The scripts of a folder and its folders by name, or the one that is named.
std::vector<fs::path> scripts_at(const fs::path& path) {
    if (!fs::is_directory(path)) {
        return {path};
    }
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator{path}) {
        if (entry.path().extension() == ".pkt") {
            found.push_back(entry.path());
        }
    }
    std::ranges::sort(found);
    return found;
}

} // namespace
} // namespace millrace::script

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& path : millrace::script::scripts_at(argv[i])) {
            millrace::script::add(std::filesystem::weakly_canonical(path));
            ++count;
        }
    }
    if (count == 0) {
        std::fputs("usage: packet_scripts [--gtest_...] SCRIPT|FOLDER...\n", stderr);
        return 2;
    }
    return RUN_ALL_TESTS();
}
