#include "http/content_loader.hpp"

#include "base/assert.hpp"
#include "base/siphash.hpp"
#include "http/content_type.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace millrace::http {
namespace {

namespace fs = std::filesystem;

/// Small files share pieces of memory of this size.
constexpr std::size_t shared_block_bytes = std::size_t{1} << 20U;

/// Every file begins at a cache line.
constexpr std::size_t file_alignment = 64;

/// Longer than any head that is written here: file names do not go into them.
constexpr std::size_t head_bytes_max = 512;

/// A file descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(const fs::path& path)
        : number_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int number() const { return number_; }

  private:
    int number_;
};

std::string error_text(int error) {
    return std::generic_category().message(error);
}

LoadError unreadable(const fs::path& path, int error) {
    return {path.string(), "cannot be read (" + error_text(error) + ")",
            "make it readable for the user that runs the server, or take it out of the tree"};
}

LoadError changed(const fs::path& path) {
    return {path.string(), "changed while it was read",
            "load again when nobody is writing to the tree"};
}

bool is_inside(const fs::path& path, const fs::path& root) {
    return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

/// Fills `out` from the file and makes sure that it ends there.
std::optional<LoadError> read_all(const Descriptor& file, const fs::path& path,
                                  std::span<std::byte> out) {
    while (!out.empty()) {
        const ::ssize_t count = ::read(file.number(), out.data(), out.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return unreadable(path, errno);
        }
        if (count == 0) {
            return changed(path);
        }
        out = out.subspan(static_cast<std::size_t>(count));
    }
    std::byte beyond{};
    if (::read(file.number(), &beyond, 1) != 0) {
        return changed(path);
    }
    return std::nullopt;
}

/// The same on every host and after every restart, so that caches stay right.
std::uint64_t content_hash(std::span<const std::byte> bytes) {
    return siphash(SipKey{}, bytes);
}

std::array<char, 18> etag_of(std::uint64_t hash) {
    std::array<char, 18> etag;
    etag.front() = etag.back() = '"';
    for (std::size_t i = 16; i > 0; --i, hash >>= 4U) {
        etag[i] = "0123456789abcdef"[hash & 15U];
    }
    return etag;
}

std::size_t aligned(std::size_t bytes) {
    return (bytes + file_alignment - 1) & ~(file_alignment - 1);
}

} // namespace

std::variant<ContentLoader, LoadError> ContentLoader::scan(LoadOptions options) {
    ContentLoader loader{std::move(options)};
    const fs::path& root = loader.options_.root;
    std::error_code error;
    loader.root_ = fs::canonical(root, error);
    if (error) {
        return LoadError{root.string(), "cannot be opened (" + error.message() + ")",
                         "name an existing directory as the document root"};
    }
    if (!fs::is_directory(loader.root_, error)) {
        return LoadError{root.string(), "is not a directory",
                         "name a directory as the document root"};
    }
    std::vector<fs::path> above{loader.root_};
    if (auto problem = loader.list(loader.root_, "", above)) {
        return *std::move(problem);
    }
    if (auto problem = loader.take_memory()) {
        return *std::move(problem);
    }
    return loader;
}

std::optional<LoadError> ContentLoader::list(const fs::path& directory, const std::string& key,
                                             std::vector<fs::path>& above) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at{directory, error}; !error && at != fs::directory_iterator{};
         at.increment(error)) {
        names.push_back(at->path().filename().string());
    }
    if (error) {
        return unreadable(directory, error.value());
    }
    std::ranges::sort(names);
    for (const std::string& name : names) {
        if (auto problem = list_entry(directory / name, key + '/' + name, above)) {
            return problem;
        }
    }
    return std::nullopt;
}

std::optional<LoadError> ContentLoader::list_entry(const fs::path& location, const std::string& key,
                                                   std::vector<fs::path>& above) {
    std::error_code error;
    const fs::path real = fs::canonical(location, error);
    if (error) {
        return unreadable(location, error.value());
    }
    if (!is_inside(real, root_)) {
        return LoadError{location.string(),
                         "is a symbolic link that leaves the document root (to " + real.string() +
                             ")",
                         "put a copy in its place, or remove it"};
    }
    const fs::file_status status = fs::status(real, error);
    if (fs::is_regular_file(status)) {
        return add_file(location, key);
    }
    if (!fs::is_directory(status)) {
        return LoadError{location.string(), "is neither a file nor a directory",
                         "take it out of the tree"};
    }
    if (std::ranges::find(above, real) != above.end()) {
        return LoadError{location.string(), "is a symbolic link to a directory it lies in",
                         "remove it"};
    }
    above.push_back(real);
    auto problem = list(location, key, above);
    above.pop_back();
    return problem;
}

std::optional<LoadError> ContentLoader::add_file(const fs::path& location, const std::string& key) {
    std::error_code error;
    const std::uint64_t size_bytes = fs::file_size(location, error);
    if (error) {
        return unreadable(location, error.value());
    }
    if (size_bytes > options_.bytes_max - store_.content_bytes_) {
        return LoadError{location.string(),
                         "makes the document root larger than the limit of " +
                             std::to_string(options_.bytes_max) + " bytes",
                         "raise the limit, or serve less"};
    }
    if (files_.size() == options_.files_max) {
        return LoadError{location.string(),
                         "is one file more than the limit of " + std::to_string(options_.files_max),
                         "raise the limit, or serve less"};
    }
    store_.content_bytes_ += size_bytes;
    File& file = files_.emplace_back();
    file.location = location;
    file.key = key;
    file.size_bytes = size_bytes;
    return std::nullopt;
}

std::optional<LoadError> ContentLoader::take_memory() {
    try {
        for (std::size_t first = 0; first < files_.size();) {
            std::size_t end = first;
            std::size_t bytes = 0;
            do {
                bytes += aligned(files_[end++].size_bytes);
            } while (end < files_.size() &&
                     bytes + aligned(files_[end].size_bytes) <= shared_block_bytes);
            if (bytes > 0) {
                std::span<std::byte> room =
                    store_.blocks_.emplace_back(*options_.memory, bytes).bytes();
                for (; first < end; ++first) {
                    files_[first].bytes = room.first(files_[first].size_bytes);
                    room = room.subspan(aligned(files_[first].size_bytes));
                }
            }
            first = end;
        }
    } catch (const std::bad_alloc&) {
        return LoadError{options_.root.string(),
                         "does not fit in memory (" + std::to_string(store_.content_bytes_) +
                             " bytes)",
                         "give the server more memory, or serve less"};
    }
    return std::nullopt;
}

std::optional<LoadError> ContentLoader::read(std::size_t index) {
    File& file = files_[index];
    const Descriptor descriptor{file.location};
    struct ::stat status {};
    if (descriptor.number() < 0 || ::fstat(descriptor.number(), &status) != 0) {
        return unreadable(file.location, errno);
    }
    if (auto problem = read_all(descriptor, file.location, file.bytes)) {
        return problem;
    }
    file.last_modified = std::min<std::int64_t>(status.st_mtim.tv_sec, options_.now_unix_seconds);
    file.content_hash = content_hash(file.bytes);
    return std::nullopt;
}

std::variant<ContentStore, LoadError> ContentLoader::finish() && {
    try {
        store_.text_ = std::make_unique<std::pmr::monotonic_buffer_resource>(options_.memory);
        store_.documents_.reserve(files_.size());
        for (const File& file : files_) {
            add_document(file);
        }
        for (const Document& document : store_.documents_) {
            add_entries(document); // Now that no document moves any more.
        }
        store_.build_table();
    } catch (const std::bad_alloc&) {
        return LoadError{options_.root.string(), "has more files than there is memory for",
                         "give the server more memory, or serve less"};
    }
    return std::move(store_);
}

std::string_view ContentLoader::keep(std::string_view text) {
    void* const room = store_.text_->allocate(text.size(), 1);
    std::memcpy(room, text.data(), text.size());
    return {static_cast<const char*>(room), text.size()};
}

template <class AddFields>
HeadTemplate ContentLoader::keep_head(Status status, AddFields add_fields) {
    std::array<std::byte, head_bytes_max> room;
    HeadWriter writer{room};
    writer.begin(status, DateCache{});
    add_fields(writer);
    MILLRACE_ASSERT(writer.length() > 0);
    return {keep(writer.text()), writer.date_offset()};
}

void ContentLoader::add_document(const File& file) {
    const std::array<char, 18> etag = etag_of(file.content_hash);
    std::array<char, date_bytes> date;
    format_date(file.last_modified, date);
    const auto add_validators = [&](HeadWriter& writer) {
        writer.field("ETag", {etag.data(), etag.size()});
        writer.field("Last-Modified", {date.data(), date.size()});
    };
    Document document;
    document.path = keep(file.key);
    document.content_type = content_type_of(file.key);
    document.last_modified = file.last_modified;
    document.identity.bytes = file.bytes;
    document.identity.etag = keep({etag.data(), etag.size()});
    document.identity.ok = keep_head(Status::ok, [&](HeadWriter& writer) {
        writer.field("Content-Type", document.content_type);
        writer.field("Content-Length", file.bytes.size());
        add_validators(writer);
        writer.field("Accept-Ranges", "bytes");
    });
    document.identity.not_modified = keep_head(Status::not_modified, add_validators);
    store_.documents_.push_back(document);
}

/// The document under its own path, and an index under its directory's as well.
void ContentLoader::add_entries(const Document& document) {
    store_.entries_.push_back({document.path, &document});
    const std::size_t slash = document.path.rfind('/');
    if (document.path.substr(slash + 1) != options_.index_name) {
        return;
    }
    store_.entries_.push_back({document.path.substr(0, slash + 1), &document});
    if (slash > 0) {
        store_.entries_.push_back({document.path.substr(0, slash), &document, true});
    }
}

std::variant<ContentStore, LoadError> load_content(LoadOptions options) {
    auto scanned = ContentLoader::scan(std::move(options));
    if (auto* const problem = std::get_if<LoadError>(&scanned)) {
        return std::move(*problem);
    }
    auto& loader = std::get<ContentLoader>(scanned);
    for (std::size_t i = 0; i < loader.file_count(); ++i) {
        if (auto problem = loader.read(i)) {
            return *std::move(problem);
        }
    }
    return std::move(loader).finish();
}

} // namespace millrace::http
