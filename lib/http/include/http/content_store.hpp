#pragma once

#include "http/conditional.hpp"
#include "http/response.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::http {

/// One way a document can be sent. There is only the one without a coding so far.
struct Representation {
    std::span<const std::byte> bytes; ///< Contiguous, at a cache line's start.
    std::string_view etag;            ///< With its quotes; strong.
    HeadTemplate ok;                  ///< The head of a 200, which is that of HEAD too.
    HeadTemplate not_modified;        ///< The head of a 304.
};

/// A file of the tree, ready to be sent.
struct Document {
    std::string_view path; ///< Its key: from the root, with a leading slash, not encoded.
    std::string_view content_type;
    std::int64_t last_modified = 0; ///< Unix seconds; never after the store was loaded.
    Representation identity;

    [[nodiscard]] Validators validators() const { return {identity.etag, last_modified}; }
};

/// The documents of one directory tree in memory, looked up by path. Made by a `ContentLoader`;
/// after that nothing in it changes, and any number of threads may read it. All memory that is sent
/// from, and the documents' heads, come from the resource that the loader was given, which must
/// outlive the store.
class ContentStore {
  public:
    ContentStore(ContentStore&&) noexcept = default;
    ContentStore& operator=(ContentStore&&) noexcept = default;
    ContentStore(const ContentStore&) = delete;
    ContentStore& operator=(const ContentStore&) = delete;
    ~ContentStore() = default;

    /// What a path leads to.
    struct Found {
        const Document* document = nullptr; ///< Null: nothing is there.
        /// The path names a directory but lacks the slash at its end; `document` is its index.
        bool redirect = false;
    };

    /// The document of a path as it was sent, when no decoding would change it: for most requests a
    /// way round `normalise_target`. Null says nothing, neither for a redirect.
    [[nodiscard]] const Document* find_raw(std::string_view path) const;

    /// `path` is decoded and begins with a slash, as `normalise_target` makes it. A directory with
    /// a slash at its end is its index document. Does not allocate.
    [[nodiscard]] Found find(std::string_view path) const;

    [[nodiscard]] std::span<const Document> documents() const { return documents_; }
    /// Bytes of all documents' content.
    [[nodiscard]] std::uint64_t content_bytes() const { return content_bytes_; }

  private:
    friend class ContentLoader;

    /// Memory from a resource, given back at the end.
    class Block {
      public:
        Block(std::pmr::memory_resource& memory, std::size_t bytes);
        Block(Block&& other) noexcept;
        Block& operator=(Block&& other) noexcept;
        Block(const Block&) = delete;
        Block& operator=(const Block&) = delete;
        ~Block();

        [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

      private:
        std::pmr::memory_resource* memory_;
        std::span<std::byte> bytes_;
    };

    /// A path and what it leads to.
    struct Entry {
        std::string_view path;
        const Document* document = nullptr;
        bool redirect = false;
        bool same_when_encoded = false; ///< As a raw path it means the same as decoded.
    };

    /// A slot of the table; empty when `entry` is null.
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t path_bytes = 0;
        const Entry* entry = nullptr;
    };

    [[nodiscard]] const Entry* find_entry(std::string_view path) const;

    ContentStore() = default;

    /// Builds the table over `entries_`, at most half full, so that a probe is short and ends.
    void build_table();

    std::vector<Slot> table_; ///< A power of two of slots, probed one after the other.
    std::size_t mask_ = 0;
    const Document* home_ = nullptr; ///< What the root leads to.
    std::vector<Entry> entries_;
    std::vector<Document> documents_;
    std::vector<Block> blocks_; ///< What the documents' bytes lie in.
    std::unique_ptr<std::pmr::monotonic_buffer_resource> text_; ///< Their paths, tags and heads.
    std::uint64_t content_bytes_ = 0;
};

} // namespace millrace::http
