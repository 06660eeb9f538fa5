#include "http/content_store.hpp"

#include "scan.hpp"

#include <bit>
#include <utility>

namespace millrace::http {
namespace {

constexpr std::size_t block_alignment = 64;

/// CRC-32C, for its one instruction per eight bytes. The table never changes and holds what the
/// operator put there, so a client that makes paths collide gains one longer probe and no more.
std::uint32_t hash_of(std::string_view path) {
    const char* at = path.data();
    std::size_t left = path.size();
    std::uint64_t hash = left;
    for (; left >= 8; left -= 8, at += 8) {
        hash = _mm_crc32_u64(hash, scan::load_word<std::uint64_t>(at));
    }
    if (left >= 4) {
        hash = _mm_crc32_u32(static_cast<std::uint32_t>(hash), scan::load_word<std::uint32_t>(at));
        at += 4;
        left -= 4;
    }
    for (; left > 0; --left, ++at) {
        hash = _mm_crc32_u8(static_cast<std::uint32_t>(hash), static_cast<unsigned char>(*at));
    }
    return static_cast<std::uint32_t>(hash);
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
    const std::size_t mask = table_.size() - 1;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        const std::uint32_t hash = hash_of(entries_[i].path);
        std::size_t at = hash & mask;
        while (table_[at].entry != no_entry) {
            at = (at + 1) & mask;
        }
        table_[at] = {hash, i};
    }
}

ContentStore::Found ContentStore::find(std::string_view path) const {
    const std::uint32_t hash = hash_of(path);
    const std::size_t mask = table_.size() - 1;
    for (std::size_t at = hash & mask; table_[at].entry != no_entry; at = (at + 1) & mask) {
        const Entry& entry = entries_[table_[at].entry];
        if (table_[at].hash == hash && entry.path == path) {
            return {&documents_[entry.document], entry.redirect};
        }
    }
    return {};
}

} // namespace millrace::http
