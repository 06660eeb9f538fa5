#pragma once

#include "http/content_store.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::http {

/// Why a tree could not be loaded, in words for the operator.
struct LoadError {
    std::string path;    ///< The file or directory in question.
    std::string problem; ///< What is wrong with it.
    std::string remedy;  ///< What would put it right.

    /// All of it in one line.
    [[nodiscard]] std::string message() const { return path + ": " + problem + "; " + remedy; }
};

/// What to load, and how much of it.
struct LoadOptions {
    std::filesystem::path root;
    std::string index_name = "index.html"; ///< The document that a directory's own path leads to.
    std::uint64_t bytes_max = std::uint64_t{1} << 30U; ///< Of all documents together.
    std::size_t files_max = 1'000'000;
    /// The present in Unix seconds: no document is younger than that (RFC 9110 §8.8.2.1).
    std::int64_t now_unix_seconds = 0;
    /// Where documents and their heads will lie; used by one thread at a time.
    std::pmr::memory_resource* memory = std::pmr::get_default_resource();
};

/// Loads a directory tree into a `ContentStore` in three steps: `scan` lists the tree and takes
/// memory for every file, `read` fills in one file (different files on different threads, if the
/// caller likes), `finish` writes the heads and the table.
///
/// Everything in the tree is served, hidden files too. A symbolic link may lead anywhere inside of
/// the tree; one that leaves it, a loop of links, or what is neither file nor directory is an
/// error.
class ContentLoader {
  public:
    /// Lists the tree, in the order of its paths.
    [[nodiscard]] static std::variant<ContentLoader, LoadError> scan(LoadOptions options);

    [[nodiscard]] std::size_t file_count() const { return files_.size(); }

    /// Reads file `index` to its place and computes its entity tag. Touches nothing of any other
    /// file.
    [[nodiscard]] std::optional<LoadError> read(std::size_t index);

    /// When every file has been read.
    [[nodiscard]] std::variant<ContentStore, LoadError> finish() &&;

  private:
    struct File {
        std::filesystem::path location;
        std::string key; ///< From the root, with a leading slash.
        std::span<std::byte> bytes;
        std::uint64_t size_bytes = 0;
        std::uint64_t content_hash = 0;
        std::int64_t last_modified = 0;
    };

    explicit ContentLoader(LoadOptions options) : options_{std::move(options)} {}

    [[nodiscard]] std::optional<LoadError> list(const std::filesystem::path& directory,
                                                const std::string& key,
                                                std::vector<std::filesystem::path>& above);
    [[nodiscard]] std::optional<LoadError> list_entry(const std::filesystem::path& location,
                                                      const std::string& key,
                                                      std::vector<std::filesystem::path>& above);
    [[nodiscard]] std::optional<LoadError> add_file(const std::filesystem::path& location,
                                                    const std::string& key);
    [[nodiscard]] std::optional<LoadError> take_memory();
    /// Copies text to memory of the store.
    [[nodiscard]] std::string_view keep(std::string_view text);
    template <class AddFields>
    [[nodiscard]] HeadTemplate keep_head(Status status, AddFields add_fields);
    void add_document(const File& file);
    void add_entries(const Document& document);

    LoadOptions options_;
    std::filesystem::path root_; ///< Without links.
    std::vector<File> files_;
    ContentStore store_;
};

/// All three steps on this thread.
[[nodiscard]] std::variant<ContentStore, LoadError> load_content(LoadOptions options);

} // namespace millrace::http
