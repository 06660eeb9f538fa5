#include "http/target.hpp"

#include "parsing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::http::test {
namespace {

struct Normalised {
    Status status = Status::ok;
    std::string path;
    std::string query;
};

Normalised normalise(std::string_view raw, std::size_t room = 256) {
    std::vector<char> buffer(room);
    const GuardedBytes guarded{raw};
    const void* const data = guarded.bytes().data();
    Target target;
    const Status status =
        normalise_target({static_cast<const char*>(data), raw.size()}, buffer, target);
    if (status != Status::ok) {
        return {status, "", ""};
    }
    return {status, std::string{target.path}, std::string{target.query}};
}

TEST(Target, MakesKeys) {
    const std::vector<std::array<const char*, 3>> cases{
        {"/", "/", ""},
        {"", "/", ""},
        {"?q", "/", "q"},
        {"/a/b.html", "/a/b.html", ""},
        {"/a?b?c/../d", "/a", "b?c/../d"},
        {"/a?", "/a", ""},
        {"/%41%42", "/AB", ""},
        {"/%C3%A4", "/\xc3\xa4", ""},
        {"/%c3%a4", "/\xc3\xa4", ""},
        {"/%2541", "/%41", ""}, // Decoded once.
        {"/a%3Fb", "/a?b", ""},
        {"/a%20b%23", "/a b#", ""},
        {"/.", "/", ""},
        {"/./", "/", ""},
        {"/a/.", "/a/", ""},
        {"/a/./b", "/a/b", ""},
        {"/a/..", "/", ""},
        {"/a/../", "/", ""},
        {"/a/../b", "/b", ""},
        {"/a/b/../..", "/", ""},
        {"/a/b/../../c", "/c", ""},
        {"/a/%2e%2E/b", "/b", ""},
        {"/a/.%2e/b", "/b", ""},
        {"/a/%2e/b", "/a/b", ""},
        {"/a//b", "/a//b", ""},
        {"/a//../b", "/a/b", ""},
        {"//..", "/", ""},
        {"/..a", "/..a", ""},
        {"/...", "/...", ""},
        {"/.a/..b/c.", "/.a/..b/c.", ""},
        {"/a./b../c", "/a./b../c", ""},
    };
    for (const auto& [raw, path, query] : cases) {
        const Normalised normalised = normalise(raw);
        EXPECT_EQ(normalised.status, Status::ok) << raw;
        EXPECT_EQ(normalised.path, path) << raw;
        EXPECT_EQ(normalised.query, query) << raw;
    }
}

// F2.paths
TEST(Target, RefusesToLeaveTheRoot) {
    for (const char* const raw : {"/..", "/../", "/../etc/passwd", "/a/../..", "/%2e%2e/x",
                                  "/.%2e/", "/a/b/../../../c", "/./../x"}) {
        EXPECT_EQ(normalise(raw).status, Status::bad_request) << raw;
    }
}

TEST(Target, RefusesBrokenOrHostileEncoding) {
    for (const char* const raw :
         {"/%", "/%4", "/%zz", "/%4g", "/a%", "/%00", "/a%00.html", "/#", "/a?b#c", "a", "*"}) {
        EXPECT_EQ(normalise(raw).status, Status::bad_request) << raw;
    }
    for (const char* const raw : {"/a%2fb", "/a%2Fb", "/%2f", "/..%2f..%2fetc"}) {
        EXPECT_EQ(normalise(raw).status, Status::not_found) << raw;
    }
}

TEST(Target, CopiesNothingThatIsPlain) {
    const std::string raw = "/plain/path.html?query";
    Target target;
    EXPECT_EQ(normalise_target(raw, {}, target), Status::ok);
    EXPECT_EQ(target.path.data(), raw.data());
}

TEST(Target, FitsTheBufferOrSaysSo) {
    EXPECT_EQ(normalise("/%41BC", 4).path, "/ABC");
    EXPECT_EQ(normalise("/%41BC", 3).status, Status::uri_too_long);
}

} // namespace
} // namespace millrace::http::test
