#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace millrace::flow {

/// What a worker lets other threads see of one entry: a small struct `T`, stored as words behind a
/// generation. One thread publishes; any number copy, without locks and without stopping it. A copy
/// is whole or it is not made.
///
/// The generation is odd while the words are being rewritten. Why a reader cannot take old words
/// for new ones, in terms of the language's memory model and without a fence:
///
///   writer   G  generation = odd                  reader   g  g1 = generation  (acquire)
///            W  each word            (release)             r  each word        (acquire)
///            H  generation = even    (release)             h  g2 = generation
///
///   If any r reads what some W wrote, that W synchronises with it, so the G before that W happens
///   before the h after that r: g2 is that odd number or a later one. If g1 was from before, it
///   differs from g2 and the copy is thrown away; if g1 was that odd number, it is thrown away too.
///   And if g reads what an H wrote, every W before it happens before r: no word is older than g1.
///   So with g1 = g2, even, every word is from the publication that g1 names.
///
/// On x86 all of it is plain loads and stores. A generation comes back after 2^31 publications,
/// which no reader is slow enough to sleep through between two loads.
///
/// The memory must stay mapped as long as there are readers, even when the entry is released and
/// used again; base's Pool sees to that. What a reader gets is then the *new* owner's whole state:
/// whoever found the entry through a table asks the table again (Table::copy_each does).
template <class T>
class Published {
    static_assert(std::is_trivially_copyable_v<T>);
    using Word = std::conditional_t<alignof(T) % 8 == 0, std::uint64_t, std::uint32_t>;
    static_assert(sizeof(T) % sizeof(Word) == 0, "pad it to whole words");
    static constexpr std::size_t word_count = sizeof(T) / sizeof(Word);
    using Words = std::array<Word, word_count>;

  public:
    /// Owner: replaces what readers see.
    void publish(const T& value) {
        const auto words = std::bit_cast<Words>(value);
        const std::uint32_t generation =
            std::atomic_ref{generation_}.load(std::memory_order_relaxed);
        std::atomic_ref{generation_}.store(generation + 1, std::memory_order_relaxed);
        for (std::size_t i = 0; i < word_count; ++i) {
            std::atomic_ref{words_[i]}.store(words[i], std::memory_order_release);
        }
        std::atomic_ref{generation_}.store(generation + 2, std::memory_order_release);
    }

    /// Owner: what was published last. It reads plainly, for nobody else writes.
    [[nodiscard]] T value() const { return std::bit_cast<T>(words_); }

    /// Owner: the first member of that, of type `First`, without loading the rest.
    template <class First>
    [[nodiscard]] First value_of_first() const {
        static_assert(std::is_trivially_copyable_v<First> && sizeof(First) <= sizeof(T));
        First first;
        std::memcpy(static_cast<void*>(&first), words_.data(), sizeof first);
        return first;
    }

    /// Any thread: a whole copy, or nothing when the owner was writing meanwhile. What was never
    /// published is all zeros.
    [[nodiscard]] std::optional<T> try_copy() const {
        const std::uint32_t before = std::atomic_ref{generation_}.load(std::memory_order_acquire);
        if (before % 2 != 0) {
            return std::nullopt;
        }
        Words words;
        for (std::size_t i = 0; i < word_count; ++i) {
            words[i] = std::atomic_ref{words_[i]}.load(std::memory_order_acquire);
        }
        if (std::atomic_ref{generation_}.load(std::memory_order_relaxed) != before) {
            return std::nullopt;
        }
        return std::bit_cast<T>(words);
    }

  private:
    // Mutable, for C++20 has no atomic_ref to what is const; try_copy() only loads.
    alignas(Word) mutable std::uint32_t generation_ = 0;
    mutable Words words_{};
};

} // namespace millrace::flow
