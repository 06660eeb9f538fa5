#include "http/content_store.hpp"

#include "scan.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace::http {
namespace {

constexpr std::size_t block_alignment = 64;

/// All of fewer than eight bytes in one word; of strings of one length, equal if they are.
std::uint64_t short_word(const char* at, std::size_t length) {
    if (length >= 4) {
        return scan::load_word<std::uint32_t>(at) |
               std::uint64_t{scan::load_word<std::uint32_t>(at + length - 4)} << 32U;
    }
    if (length == 0) {
        return 0;
    }
    const auto byte = [at](std::size_t i) -> std::uint64_t {
        return static_cast<unsigned char>(at[i]);
    };
    return byte(0) | byte(length / 2) << 8U | byte(length - 1) << 16U;
}

/// CRC-32C, for its one instruction per eight bytes; the last eight may overlap those before. The
/// table never changes and holds what the operator put there, so a client that makes paths collide
/// gains a longer probe and no more.
std::uint32_t hash_of(std::string_view path) {
    const char* const at = path.data();
    std::uint64_t hash = path.size();
    if (path.size() < 8) {
        hash = _mm_crc32_u64(hash, short_word(at, path.size()));
    } else {
        const std::size_t last = path.size() - 8;
        for (std::size_t i = 0; i < last; i += 8) {
            hash = _mm_crc32_u64(hash, scan::load_word<std::uint64_t>(at + i));
        }
        hash = _mm_crc32_u64(hash, scan::load_word<std::uint64_t>(at + last));
    }
    // Of paths that differ little, CRCs do too; the product's upper half does not.
    return static_cast<std::uint32_t>((hash * 0x9e3779b97f4a7c15U) >> 32U);
}

/// Whether two paths of one length are the same, without a call.
bool same_bytes(const char* a, const char* b, std::size_t length) {
    if (length < 8) {
        return short_word(a, length) == short_word(b, length);
    }
    const std::size_t last = length - 8;
    for (std::size_t i = 0; i < last; i += 8) {
        if (scan::load_word<std::uint64_t>(a + i) != scan::load_word<std::uint64_t>(b + i)) {
            return false;
        }
    }
    return scan::load_word<std::uint64_t>(a + last) == scan::load_word<std::uint64_t>(b + last);
}

} // namespace

ContentStore::Block::Block(std::pmr::memory_resource& memory, std::size_t bytes)
    : memory_{&memory}, bytes_{static_cast<std::byte*>(memory.allocate(bytes, block_alignment)),
                               bytes} {}

ContentStore::Block::Block(Block&& other) noexcept
    : memory_{other.memory_}, bytes_{std::exchange(other.bytes_, {})} {}

ContentStore::Block& ContentStore::Block::operator=(Block&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

ContentStore::Block::~Block() {
    if (bytes_.data() != nullptr) {
        memory_->deallocate(bytes_.data(), bytes_.size(), block_alignment);
    }
}

void ContentStore::build_table() {
    table_.assign(std::bit_ceil(entries_.size() * 2 + 1), Slot{});
    mask_ = table_.size() - 1;
    // Short paths, which are asked for most, get the slots they hash to.
    std::ranges::stable_sort(entries_, {}, [](const Entry& entry) { return entry.path.size(); });
    for (Entry& entry : entries_) {
        entry.same_when_encoded = entry.path.find_first_of("%?#") == std::string_view::npos;
        const std::uint32_t hash = hash_of(entry.path);
        std::size_t at = hash & mask_;
        while (table_[at].entry != nullptr) {
            at = (at + 1) & mask_;
        }
        table_[at] = {hash, static_cast<std::uint32_t>(entry.path.size()), &entry};
    }
    home_ = find("/").document;
}

inline const ContentStore::Entry* ContentStore::find_entry(std::string_view path) const {
    const std::uint32_t hash = hash_of(path);
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
        const Slot& slot = table_[at];
        if (slot.entry == nullptr ||
            (slot.hash == hash && slot.path_bytes == path.size() &&
             same_bytes(slot.entry->path.data(), path.data(), path.size()))) {
            return slot.entry;
        }
    }
}

const Document* ContentStore::find_raw(std::string_view path) const {
    if (path == "/") { // Asked for most, and found without a look at the table.
        return home_;
    }
    const Entry* const entry = find_entry(path);
    const bool usable = entry != nullptr && entry->same_when_encoded && !entry->redirect;
    return usable ? entry->document : nullptr;
}

ContentStore::Found ContentStore::find(std::string_view path) const {
    const Entry* const entry = find_entry(path);
    return entry == nullptr ? Found{} : Found{entry->document, entry->redirect};
}

} // namespace millrace::http
