#include "http/content_store.hpp"

#include "http/content_loader.hpp"
#include "http/content_type.hpp"

#include "site.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <thread>

namespace millrace::http::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Counts what is taken and given back; refuses beyond a limit.
class CountingMemory : public std::pmr::memory_resource {
  public:
    std::size_t in_use = 0;
    std::size_t limit = SIZE_MAX;

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        if (bytes > limit - in_use) {
            throw std::bad_alloc{};
        }
        in_use += bytes;
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
        in_use -= bytes;
        std::pmr::new_delete_resource()->deallocate(at, bytes, alignment);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

ContentStore load(const LoadOptions& options) {
    auto loaded = load_content(options);
    if (const auto* const problem = std::get_if<LoadError>(&loaded)) {
        ADD_FAILURE() << problem->message();
    }
    return std::get<ContentStore>(std::move(loaded));
}

LoadError refusal(const LoadOptions& options) {
    auto loaded = load_content(options);
    if (const auto* const problem = std::get_if<LoadError>(&loaded)) {
        EXPECT_FALSE(problem->remedy.empty());
        return *problem;
    }
    ADD_FAILURE() << "loaded";
    return {};
}

std::string_view content(const Document& document) {
    const auto bytes = document.identity.bytes;
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

TEST(ContentStore, FindsDocumentsByPath) {
    Site site;
    site.add("index.html", "home");
    site.add("a.txt", "text");
    site.add("dir/index.html", "inner");
    site.add("dir/b with space.js", "script");
    site.add("empty/none.bin", "");
    const ContentStore store = load(site.options());
    EXPECT_EQ(store.documents().size(), 5U);
    EXPECT_EQ(store.content_bytes(), 19U);

    const auto at = [&](std::string_view path) { return store.find(path); };
    ASSERT_NE(at("/a.txt").document, nullptr);
    EXPECT_EQ(content(*at("/a.txt").document), "text");
    EXPECT_EQ(at("/a.txt").document->path, "/a.txt");
    EXPECT_EQ(at("/a.txt").document->content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(at("/a.txt").document->last_modified, 784111777);
    ASSERT_NE(at("/dir/b with space.js").document, nullptr);
    ASSERT_NE(at("/empty/none.bin").document, nullptr);
    EXPECT_EQ(content(*at("/empty/none.bin").document), "");

    EXPECT_EQ(at("/").document, at("/index.html").document);
    EXPECT_FALSE(at("/").redirect);
    EXPECT_EQ(at("/dir/").document, at("/dir/index.html").document);
    EXPECT_FALSE(at("/dir/").redirect);
    EXPECT_EQ(at("/dir").document, at("/dir/index.html").document);
    EXPECT_TRUE(at("/dir").redirect);

    for (const char* const path : {"", "a.txt", "/a.tx", "/a.txt/", "/b", "/empty", "/empty/",
                                   "/DIR/", "/dir/index.htm", "/index.html/"}) {
        EXPECT_EQ(at(path).document, nullptr) << path;
    }
}

TEST(ContentStore, FindsRawPathsThatMeanThemselves) {
    Site site;
    site.add("plain/index.html", "x");
    site.add("a%41", "encoded would be aA");
    site.add("q?r", "x");
    site.add("h#", "x");
    const ContentStore store = load(site.options());
    EXPECT_EQ(store.find_raw("/plain/"), store.find("/plain/").document);
    EXPECT_EQ(store.find_raw("/plain/index.html"), store.find("/plain/").document);
    EXPECT_EQ(store.find_raw("/plain"), nullptr) << "a redirect";
    EXPECT_EQ(store.find_raw("/missing"), nullptr);
    EXPECT_EQ(store.find_raw(""), nullptr);
    for (const char* const path : {"/a%41", "/q?r", "/h#"}) {
        EXPECT_NE(store.find(path).document, nullptr) << path;
        EXPECT_EQ(store.find_raw(path), nullptr) << path;
    }
}

TEST(ContentStore, PreparesHeads) {
    Site site;
    site.add("a.html", "content");
    const ContentStore store = load(site.options());
    const Representation& representation = store.find("/a.html").document->identity;
    const std::string etag{representation.etag};
    EXPECT_EQ(etag.size(), 18U);
    EXPECT_EQ(representation.ok.text, "HTTP/1.1 200 OK\r\n"
                                      "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                      "Server: millrace\r\n"
                                      "Content-Type: text/html; charset=utf-8\r\n"
                                      "Content-Length: 7\r\n"
                                      "ETag: " +
                                          etag +
                                          "\r\n"
                                          "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                          "Accept-Ranges: bytes\r\n");
    EXPECT_EQ(representation.ok.text.substr(representation.ok.date_offset, 4), "Thu,");
    EXPECT_EQ(representation.not_modified.text,
              "HTTP/1.1 304 Not Modified\r\n"
              "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
              "Server: millrace\r\n"
              "ETag: " +
                  etag + "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(ContentStore, TagsSayTheContent) {
    Site site;
    site.add("a", "one");
    site.add("b", "one");
    site.add("c", "two");
    site.add("d", "");
    const ContentStore store = load(site.options());
    const auto tag = [&](std::string_view path) {
        return store.find(path).document->identity.etag;
    };
    EXPECT_EQ(tag("/a"), tag("/b"));
    EXPECT_NE(tag("/a"), tag("/c"));
    EXPECT_NE(tag("/a"), tag("/d"));
    const ContentStore again = load(site.options());
    EXPECT_EQ(tag("/a"), again.find("/a").document->identity.etag) << "the same after a restart";
}

TEST(ContentStore, NoDocumentIsFromTheFuture) {
    Site site;
    site.add("a", "", 1'700'000'001);
    const ContentStore store = load(site.options());
    EXPECT_EQ(store.find("/a").document->last_modified, 1'700'000'000);
}

TEST(ContentStore, ManyDocumentsAreAllFound) {
    Site site;
    constexpr int count = 3000;
    for (int i = 0; i < count; ++i) {
        site.add("d" + std::to_string(i % 7) + "/" + std::to_string(i), std::to_string(i));
    }
    const ContentStore store = load(site.options());
    for (int i = 0; i < count; ++i) {
        const std::string path = "/d" + std::to_string(i % 7) + "/" + std::to_string(i);
        const Document* const document = store.find(path).document;
        ASSERT_NE(document, nullptr) << path;
        EXPECT_EQ(content(*document), std::to_string(i));
        EXPECT_EQ(store.find(path + "x").document, nullptr);
    }
}

TEST(ContentStore, KeepsItsBytesInTheMemoryItIsGiven) {
    Site site;
    site.add("small", "small");
    site.add("large", std::string(3'000'000, 'x'));
    site.add("tail", "tail");
    CountingMemory memory;
    LoadOptions options = site.options();
    options.memory = &memory;
    {
        ContentStore store = load(options);
        EXPECT_GE(memory.in_use, 3'000'009U);
        for (const Document& document : store.documents()) {
            const auto at = reinterpret_cast<std::uintptr_t>(document.identity.bytes.data());
            EXPECT_EQ(at % 64, 0U) << document.path;
        }
        const ContentStore moved = std::move(store);
        EXPECT_EQ(content(*moved.find("/tail").document), "tail");
        EXPECT_EQ(content(*moved.find("/large").document), std::string(3'000'000, 'x'));
    }
    EXPECT_EQ(memory.in_use, 0U) << "and gives it back";
}

TEST(ContentStore, FilesCanBeReadOnDifferentThreads) {
    Site site;
    for (int i = 0; i < 100; ++i) {
        site.add("f" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 1000, 'x'));
    }
    auto scanned = ContentLoader::scan(site.options());
    auto& loader = std::get<ContentLoader>(scanned);
    EXPECT_EQ(loader.file_count(), 100U);
    const auto read_half = [&](std::size_t first) {
        for (std::size_t i = first; i < loader.file_count(); i += 2) {
            EXPECT_FALSE(loader.read(i).has_value());
        }
    };
    std::thread other{read_half, 1};
    read_half(0);
    other.join();
    const auto finished = std::move(loader).finish();
    const ContentStore& store = std::get<ContentStore>(finished);
    EXPECT_EQ(content(*store.find("/f99").document), std::string(99'000, 'x'));
}

TEST(ContentLoader, FollowsLinksWithinTheTree) {
    Site site;
    site.add("v1/page.html", "page");
    site.link("current", "v1");
    site.link("page", "v1/page.html");
    site.link("absolute", (site.root() / "v1").string());
    const ContentStore store = load(site.options());
    for (const char* const path : {"/current/page.html", "/page", "/absolute/page.html"}) {
        ASSERT_NE(store.find(path).document, nullptr) << path;
        EXPECT_EQ(content(*store.find(path).document), "page");
    }
}

TEST(ContentLoader, TheRootMayBeALink) {
    Site site;
    Site other;
    site.add("a", "x");
    other.link("root", site.root().string());
    LoadOptions options = other.options();
    options.root = other.root() / "root";
    EXPECT_NE(load(options).find("/a").document, nullptr);
}

TEST(ContentLoader, RefusesLinksThatLeaveTheTree) {
    Site outside;
    outside.add("secret", "secret");
    for (const std::string to : {outside.root() / "secret", outside.root(), fs::path{"/"}}) {
        Site site;
        site.link("out", to);
        const LoadError problem = refusal(site.options());
        EXPECT_EQ(problem.path, (fs::canonical(site.root()) / "out").string());
        EXPECT_THAT(problem.problem, HasSubstr("leaves the document root"));
    }
    Site site;
    site.add("dir/file", "x");
    site.link("dir/up", "../..");
    EXPECT_THAT(refusal(site.options()).problem, HasSubstr("leaves the document root"));
}

TEST(ContentLoader, IsNotFooledByASiblingOfTheSameBeginning) {
    Site site;
    site.add("root/a", "x");
    site.add("root-secret/b", "y");
    site.link("root/out", "../root-secret");
    LoadOptions options = site.options();
    options.root = site.root() / "root";
    EXPECT_THAT(refusal(options).problem, HasSubstr("leaves the document root"));
}

TEST(ContentLoader, RefusesLoopsAndDanglingLinks) {
    Site site;
    site.add("dir/file", "x");
    site.link("dir/loop", "../dir");
    EXPECT_THAT(refusal(site.options()).problem, HasSubstr("a directory it lies in"));
    Site root_loop;
    root_loop.link("self", ".");
    EXPECT_THAT(refusal(root_loop.options()).problem, HasSubstr("a directory it lies in"));
    Site dangling;
    dangling.link("gone", "nowhere");
    EXPECT_THAT(refusal(dangling.options()).problem, HasSubstr("cannot be read"));
    EXPECT_THAT(refusal(dangling.options()).path, HasSubstr("gone"));
}

TEST(ContentLoader, RefusesWhatIsNoFile) {
    Site site;
    ASSERT_EQ(::mkfifo((site.root() / "pipe").c_str(), 0600), 0);
    EXPECT_THAT(refusal(site.options()).problem, HasSubstr("neither a file nor a directory"));
}

TEST(ContentLoader, SaysWhatIsWrongWithTheRoot) {
    Site site;
    site.add("file", "x");
    LoadOptions options = site.options();
    options.root = site.root() / "missing";
    EXPECT_THAT(refusal(options).message(), HasSubstr("missing: cannot be opened"));
    options.root = site.root() / "file";
    EXPECT_THAT(refusal(options).message(), HasSubstr("is not a directory"));
}

TEST(ContentLoader, KeepsToItsLimits) {
    Site site;
    site.add("a", std::string(100, 'x'));
    site.add("b", std::string(100, 'x'));
    LoadOptions options = site.options();
    options.bytes_max = 200;
    EXPECT_EQ(load(options).documents().size(), 2U);
    options.bytes_max = 199;
    EXPECT_THAT(refusal(options).message(), HasSubstr("limit of 199 bytes"));
    options.bytes_max = 200;
    options.files_max = 1;
    EXPECT_THAT(refusal(options).message(), HasSubstr("limit of 1;"));
}

TEST(ContentLoader, SaysWhenMemoryEnds) {
    Site site;
    site.add("a", std::string(2'000'000, 'x'));
    CountingMemory memory;
    memory.limit = 1'000'000;
    LoadOptions options = site.options();
    options.memory = &memory;
    EXPECT_THAT(refusal(options).problem, HasSubstr("does not fit in memory"));
    memory.limit = 2'000'064;
    EXPECT_THAT(refusal(options).problem, HasSubstr("more files than"));
    EXPECT_EQ(memory.in_use, 0U);
}

TEST(ContentLoader, NoticesFilesThatChangeMeanwhile) {
    for (const std::string now_content : {"longer than before", "x", ""}) {
        Site site;
        site.add("a", "before");
        auto scanned = ContentLoader::scan(site.options());
        site.add("a", now_content);
        const auto problem = std::get<ContentLoader>(scanned).read(0);
        ASSERT_TRUE(problem.has_value()) << now_content;
        EXPECT_THAT(problem->problem, HasSubstr("changed while"));
    }
    Site site;
    site.add("a", "x");
    auto scanned = ContentLoader::scan(site.options());
    fs::remove(site.root() / "a");
    EXPECT_THAT(std::get<ContentLoader>(scanned).read(0)->problem, HasSubstr("cannot be read"));
}

TEST(ContentType, GoesByTheLastExtension) {
    EXPECT_EQ(content_type_of("/index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(content_type_of("/INDEX.HTML"), "text/html; charset=utf-8");
    EXPECT_EQ(content_type_of("/a.tar.gz"), "application/gzip");
    EXPECT_EQ(content_type_of("/a.woff2"), "font/woff2");
    EXPECT_EQ(content_type_of("/site.webmanifest"), "application/manifest+json");
    EXPECT_EQ(content_type_of("/a.7z"), "application/x-7z-compressed");
    for (const char* const name : {"", "/html", "/a.", "/a.unknown", "/a.htmlhtmlhtml", "/a.b/c"}) {
        EXPECT_EQ(content_type_of(name), "application/octet-stream") << name;
    }
}

} // namespace
} // namespace millrace::http::test
