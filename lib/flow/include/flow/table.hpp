#pragma once

#include "base/assert.hpp"
#include "flow/hash.hpp"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>

/// The connection table
/// ====================
///
/// From the hash of a four-tuple to a 32-bit index that means something to the owner: which pool,
/// which slot. The table has no keys. They lie in the entries, and every look-up is handed a way to
/// ask "does this index have my key?".
///
///   bucket (one cache line)
///   +------------------------+--------+---------+---------+-----+----------+
///   | tag 0 .. tag 11        | passed | index 0 | index 1 | ... | index 11 |
///   | 8 bits each, 0 is free | 32 bit |     32 bits each                   |
///   +------------------------+--------+---------+---------+-----+----------+
///   0                        12       16                                  64
///
/// A hash names a home bucket (its upper half, scaled to the number of buckets, which so need not
/// be a power of two) and a tag (its lowest byte). One SSE2 comparison finds the slots with that
/// tag; with 7 others in the bucket, one look-up in 35 has to ask about an index that turns out
/// wrong.
///
/// **Entries never move.** An entry whose home bucket is full goes into the next one that has room,
/// and stays there until it is erased, even when room appears at home. Three things follow:
///
///   - A look-up must know when to go on. Each bucket counts in `passed` the entries that were put
///     further on because it was full: those of its own and those that came by. While it is 0 the
///     search ends here. Erasing an entry takes it out of the counts on its way, so nothing is left
///     behind, there are no tombstones, and the table is as good after a year as after a minute.
///   - A reader that walks the slots sees an entry where it is: no entry can slip past it or be met
///     twice.
///   - A slot's index can be replaced in place, as a half-open entry becomes a connection and that
///     a TIME_WAIT entry, and a walk meets one of them, never both.
///
/// **Load.** There are buckets for `capacity / 7.2` entries each, so that a full table has 60 % of
/// its slots in use and costs 8.9 bytes an entry. Filled once, 1 % of a full table's entries are
/// away from home; after any amount of coming and going it is 4 %, and a search that finds nothing
/// has to look at a second line in 19 % of all cases (4 % when the table is filled to four fifths).
/// It stays at that. As there are always more slots than entries, insert() succeeds whenever there
/// are fewer than `capacity` entries, whatever their hashes; a crowd of equal hashes makes a chain,
/// not an error. `reach_` (the furthest that any entry was ever put from home) ends every search,
/// even one in which no bucket says stop.
///
/// **One writer, readers on other threads.** Every member function is the writer's, except
/// for_each() and copy_each(), which any thread may call at any time. Readers look at the `index`
/// words alone, by atomic loads; tags and counts are the writer's and need no care. The writer
/// stores an index with release, so who reads it sees all that the writer had done to the entry. It
/// needs no fence, and on x86 every one of these is a plain move.
///
///   A reader may see an index that is erased, released, and used again in the next moment. So
///   copy_each() copies what the entry publishes (see Published) and then looks at the slot again.
///   Had the copy been made of a later owner's state, then that owner's publication happened before
///   the copy, the erasure (or replacement) here before that publication, and so the second look
///   finds another index. It then tries again with that one.
///
///   What a walk promises: whoever is in the table from its beginning to its end appears exactly
///   once, in a state it really had. Who comes or goes meanwhile appears or does not.
namespace millrace::flow {

namespace detail {

/// One cache line of the table.
struct alignas(64) Bucket {
    static constexpr unsigned slots = 12;
    static constexpr std::uint32_t none = UINT32_MAX;

    std::array<std::uint8_t, slots> tags{};
    std::uint32_t passed = 0;
    mutable std::array<std::uint32_t, slots> indices = [] { // C++20: no atomic_ref to const.
        std::array<std::uint32_t, slots> all{};
        all.fill(none);
        return all;
    }();

    /// A bit for each slot that has this tag.
    [[nodiscard]] unsigned match(std::uint8_t tag) const {
        const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
        const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
        const int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(line, wanted));
        return static_cast<unsigned>(equal) & ((1U << slots) - 1);
    }

    /// What readers on other threads see of a slot; all of it goes through these three.
    [[nodiscard]] std::uint32_t index(unsigned slot) const {
        return std::atomic_ref{indices[slot]}.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t index_from_elsewhere(unsigned slot) const {
        return std::atomic_ref{indices[slot]}.load(std::memory_order_acquire);
    }
    void set(unsigned slot, std::uint8_t tag, std::uint32_t index) {
        tags[slot] = tag;
        std::atomic_ref{indices[slot]}.store(index, std::memory_order_release);
    }
};

static_assert(sizeof(Bucket) == 64, "one line is touched on a hit");
static_assert(offsetof(Bucket, tags) == 0, "the tags are compared as one aligned vector");
static_assert(offsetof(Bucket, passed) == 12 && offsetof(Bucket, indices) == 16);

} // namespace detail

template <class Key>
class Table {
    using Bucket = detail::Bucket;

  public:
    /// What find() says when there is no such entry. No entry may have this index.
    static constexpr std::uint32_t none = Bucket::none;
    /// The most that one call of the bulk functions takes.
    static constexpr std::size_t burst_most = 64;

    /// Room for `capacity` entries, taken from `memory` at once and given back at the end.
    Table(std::uint32_t capacity, const HashKey& key, std::pmr::memory_resource& memory)
        : key_{key}, memory_{memory}, capacity_{capacity}, bucket_count_{buckets_for(capacity)},
          buckets_{static_cast<Bucket*>(memory.allocate(bytes(), alignof(Bucket)))} {
        MILLRACE_ASSERT(capacity > 0);
        std::uninitialized_fill_n(buckets_, bucket_count_, Bucket{});
    }

    ~Table() { memory_.deallocate(buckets_, bytes(), alignof(Bucket)); }

    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    [[nodiscard]] std::uint64_t hash(const Key& key) const { return flow::hash(key_, key); }

    /// Brings the line that find() looks at first into the cache.
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home_of(hash)]); }

    /// The index for which `equal(index)` is true among those that were inserted under `hash`, or
    /// `none`. `equal` is asked about few others.
    template <class Equal>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, Equal&& equal) const {
        std::uint32_t found = none;
        locate(hash, [&](std::uint32_t index) {
            const bool is_it = equal(index);
            found = is_it ? index : none;
            return is_it;
        });
        return found;
    }

    /// Adds an entry that is not in the table; false, and nothing has happened, when there are
    /// `capacity` entries already.
    [[nodiscard]] bool insert(std::uint64_t hash, std::uint32_t index) {
        MILLRACE_ASSERT(index != none);
        if (size_ == capacity_) [[unlikely]] {
            return false;
        }
        ++size_;
        std::uint32_t at = home_of(hash);
        std::uint32_t distance = 0;
        unsigned free = buckets_[at].match(free_tag);
        while (free == 0) {
            ++buckets_[at].passed;
            ++distance;
            at = after(at);
            free = buckets_[at].match(free_tag);
        }
        reach_ = std::max(reach_, distance);
        buckets_[at].set(static_cast<unsigned>(std::countr_zero(free)), tag_of(hash), index);
        return true;
    }

    /// Puts `new_index` where `old_index` was inserted under the same hash: a walking reader meets
    /// one of them. False when `old_index` is not there.
    bool replace(std::uint64_t hash, std::uint32_t old_index, std::uint32_t new_index) {
        MILLRACE_ASSERT(new_index != none);
        const Place place = locate(hash, [&](std::uint32_t index) { return index == old_index; });
        if (place.bucket == nullptr) {
            return false;
        }
        place.bucket->set(place.slot, tag_of(hash), new_index);
        return true;
    }

    /// Takes out the entry that was inserted with just these; false when it is not there.
    bool erase(std::uint64_t hash, std::uint32_t index) {
        const Place place = locate(hash, [&](std::uint32_t other) { return other == index; });
        if (place.bucket == nullptr) {
            return false;
        }
        place.bucket->set(place.slot, free_tag, none);
        for (std::uint32_t at = home_of(hash); &buckets_[at] != place.bucket; at = after(at)) {
            --buckets_[at].passed;
        }
        --size_;
        return true;
    }

    /// Stage 1 of a burst: hashes all keys and brings their lines on the way.
    void hash_all(std::span<const Key> keys, std::span<std::uint64_t> hashes) const {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            hashes[i] = hash(keys[i]);
            prefetch(hashes[i]);
        }
    }

    /// Stages 2 and 3: finds all. First the table's lines give a candidate for each hash, whose
    /// entry `prefetch_entry(index)` brings into the cache, and then `equal(i, index)` says whether
    /// the candidate has the key of position i. What is inserted between two bursts' stages is not
    /// found: who inserts for one packet looks the later ones of the burst up again.
    template <class PrefetchEntry, class Equal>
    void find_all(std::span<const std::uint64_t> hashes, std::span<std::uint32_t> found,
                  PrefetchEntry&& prefetch_entry, Equal&& equal) const {
        MILLRACE_ASSERT(hashes.size() <= burst_most && found.size() >= hashes.size());
        std::uint64_t further_on = 0; // A bit where nothing is at home, but may be further on.
        for (std::size_t i = 0; i < hashes.size(); ++i) {
            const Bucket& bucket = buckets_[home_of(hashes[i])];
            const unsigned match = bucket.match(tag_of(hashes[i]));
            if (match == 0) [[unlikely]] {
                found[i] = none;
                further_on |= std::uint64_t{bucket.passed != 0} << i;
                continue;
            }
            found[i] = bucket.index(static_cast<unsigned>(std::countr_zero(match)));
            prefetch_entry(found[i]);
        }
        for (std::size_t i = 0; i < hashes.size(); ++i) {
            const bool settled = found[i] == none ? (further_on >> i & 1) == 0 : equal(i, found[i]);
            if (!settled) [[unlikely]] {
                found[i] = find(hashes[i], [&](std::uint32_t index) { return equal(i, index); });
            }
        }
    }

    /// Any thread: calls `visit(index)` for every slot that is in use.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t at = 0; at < bucket_count_; ++at) {
            for (unsigned slot = 0; slot < Bucket::slots; ++slot) {
                const std::uint32_t index = buckets_[at].index_from_elsewhere(slot);
                if (index != none) {
                    visit(index);
                }
            }
        }
    }

    /// Any thread: calls `take(index, copy)` for every slot that is in use, with what `copy(index)`
    /// gave: an optional, empty when the entry was being rewritten and the copy has to be tried
    /// again (Published::try_copy). The copy is of the entry that stood in the slot, not of a later
    /// owner of its memory.
    template <class Copy, class Take>
    void copy_each(Copy&& copy, Take&& take) const {
        copy_each(0, bucket_count_, copy, take);
    }

    /// Any thread: the same for the `count` buckets from `first` on, or fewer at the table's end,
    /// so that a walk can be cut into steps. Returns the bucket to go on with; `bucket_count()` is
    /// the end. The promise of a walk holds for all its steps together.
    template <class Copy, class Take>
    std::uint32_t copy_each(std::uint32_t first, std::uint32_t count, Copy&& copy,
                            Take&& take) const {
        const std::uint32_t end = first + std::min(count, bucket_count_ - first);
        for (std::uint32_t at = first; at < end; ++at) {
            for (unsigned slot = 0; slot < Bucket::slots; ++slot) {
                copy_slot(buckets_[at], slot, copy, take);
            }
        }
        return end;
    }

    [[nodiscard]] std::uint32_t bucket_count() const { return bucket_count_; }

    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
    /// Memory of the table, in bytes.
    [[nodiscard]] std::size_t bytes() const { return std::size_t{bucket_count_} * sizeof(Bucket); }

    /// How far entries are from home, for tests and diagnosis: this reads the whole table.
    struct Statistics {
        std::uint64_t away = 0;     ///< Entries that are not in their home bucket.
        std::uint64_t distance = 0; ///< Buckets between entries and their homes, summed up.
        std::uint32_t furthest = 0; ///< The most of these for one entry.
        std::uint64_t leaky = 0;    ///< Buckets at which a search that finds nothing goes on.
    };

    /// `hash_of(index)` is the hash that the entry was inserted with.
    template <class HashOf>
    [[nodiscard]] Statistics statistics(HashOf&& hash_of) const {
        Statistics result;
        for (std::uint32_t at = 0; at < bucket_count_; ++at) {
            result.leaky += buckets_[at].passed != 0;
            for (unsigned slot = 0; slot < Bucket::slots; ++slot) {
                const std::uint32_t index = buckets_[at].index(slot);
                if (index != none) {
                    const std::uint32_t home = home_of(hash_of(index));
                    const std::uint32_t away = at >= home ? at - home : at + bucket_count_ - home;
                    result.away += away != 0;
                    result.distance += away;
                    result.furthest = std::max(result.furthest, away);
                }
            }
        }
        return result;
    }

  private:
    static constexpr std::uint8_t free_tag = 0;

    struct Place {
        Bucket* bucket;
        unsigned slot;
    };

    /// 7.2 entries to a bucket of 12.
    static std::uint32_t buckets_for(std::uint32_t capacity) {
        return static_cast<std::uint32_t>(std::uint64_t{capacity} * 10 / 72 + 1);
    }

    [[nodiscard]] std::uint32_t home_of(std::uint64_t hash) const {
        return static_cast<std::uint32_t>((hash >> 32) * bucket_count_ >> 32);
    }
    static std::uint8_t tag_of(std::uint64_t hash) {
        const auto byte = static_cast<std::uint8_t>(hash);
        return byte == free_tag ? 1 : byte;
    }
    [[nodiscard]] std::uint32_t after(std::uint32_t at) const {
        return at + 1 == bucket_count_ ? 0 : at + 1;
    }

    /// Where the entry is, or a null bucket.
    template <class Equal>
    Place locate(std::uint64_t hash, Equal&& equal) const {
        const std::uint8_t tag = tag_of(hash);
        std::uint32_t at = home_of(hash);
        for (std::uint32_t distance = 0;; ++distance) {
            Bucket& bucket = buckets_[at];
            for (unsigned match = bucket.match(tag); match != 0; match &= match - 1) {
                const auto slot = static_cast<unsigned>(std::countr_zero(match));
                if (equal(bucket.index(slot))) {
                    return {&bucket, slot};
                }
            }
            if (bucket.passed == 0 || distance == reach_) [[likely]] {
                return {nullptr, 0};
            }
            at = after(at);
        }
    }

    template <class Copy, class Take>
    static void copy_slot(const Bucket& bucket, unsigned slot, Copy& copy, Take& take) {
        while (true) {
            const std::uint32_t index = bucket.index_from_elsewhere(slot);
            if (index == none) {
                return;
            }
            const auto copied = copy(index);
            // This load stays behind the copy, whose own are acquires (Published).
            if (copied && bucket.index(slot) == index) {
                take(index, *copied);
                return;
            }
            _mm_pause();
        }
    }

    HashKey key_;
    std::pmr::memory_resource& memory_;
    std::uint32_t capacity_;
    std::uint32_t bucket_count_;
    Bucket* buckets_;
    std::uint32_t size_ = 0;
    std::uint32_t reach_ = 0; ///< The furthest that an entry was ever put from its home.
};

} // namespace millrace::flow
