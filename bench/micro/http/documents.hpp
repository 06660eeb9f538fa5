#pragma once

#include "http/content_loader.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

/// Documents for a benchmark to serve.
namespace millrace::http::bench {

/// The present, as documents and responses have it: the same in every run.
inline constexpr std::int64_t now_unix_seconds = 1'700'000'000;

struct File {
    std::string path; ///< Without a slash before it.
    std::string content;
};

/// A store of these files, by way of a directory that lives as long as it takes to read them.
inline ContentStore store_of(const std::vector<File>& files) {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error{"no directory can be made: " + name};
    }
    for (const File& file : files) {
        const std::filesystem::path path = std::filesystem::path{name} / file.path;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary} << file.content;
    }
    LoadOptions options;
    options.root = name;
    options.now_unix_seconds = now_unix_seconds;
    auto loaded = load_content(options);
    std::filesystem::remove_all(name);
    if (const auto* const problem = std::get_if<LoadError>(&loaded)) {
        throw std::runtime_error{problem->message()};
    }
    return std::get<ContentStore>(std::move(loaded));
}

} // namespace millrace::http::bench
