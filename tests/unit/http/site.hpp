#pragma once

#include "base/assert.hpp"
#include "http/content_loader.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::http::test {

/// A directory of files for one test, removed at its end.
class Site {
  public:
    Site() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "millrace-site-XXXXXX").string();
        MILLRACE_ASSERT(::mkdtemp(pattern.data()) != nullptr);
        root_ = pattern;
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;
    ~Site() { std::filesystem::remove_all(root_); }

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }

    void add(std::string_view path, std::string_view content,
             std::int64_t modified_unix_seconds = 784111777) {
        const std::filesystem::path file = root_ / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file, std::ios::binary} << content;
        const ::timespec times[2]{{modified_unix_seconds, 0}, {modified_unix_seconds, 0}};
        MILLRACE_ASSERT(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
    }

    void link(std::string_view path, std::string_view to) {
        std::filesystem::create_symlink(to, root_ / path);
    }

    [[nodiscard]] LoadOptions options() const {
        LoadOptions options;
        options.root = root_;
        options.now_unix_seconds = 1'700'000'000;
        return options;
    }

  private:
    std::filesystem::path root_;
};

} // namespace millrace::http::test
