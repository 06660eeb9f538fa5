#pragma once

#include "tcp/state.hpp"
#include "wire/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace millrace::wire {

inline void PrintTo(Drop drop, std::ostream* out) {
    *out << name(drop);
}

} // namespace millrace::wire

namespace millrace::tcp {

inline void PrintTo(State state, std::ostream* out) {
    *out << name(state);
}

// Flags as tcpdump and packetdrill write them.
inline constexpr std::uint8_t S = wire::tcp_flag::syn;
inline constexpr std::uint8_t SA = wire::tcp_flag::syn | wire::tcp_flag::ack;
inline constexpr std::uint8_t A = wire::tcp_flag::ack;
inline constexpr std::uint8_t PA = wire::tcp_flag::psh | wire::tcp_flag::ack;
inline constexpr std::uint8_t FA = wire::tcp_flag::fin | wire::tcp_flag::ack;
inline constexpr std::uint8_t FPA = wire::tcp_flag::fin | PA;
inline constexpr std::uint8_t R = wire::tcp_flag::rst;
inline constexpr std::uint8_t RA = wire::tcp_flag::rst | wire::tcp_flag::ack;

/// A segment as a test writes it: what is not named has the value that a quiet established
/// connection gives it. `seq` counts from the sender's initial sequence number and `ack` from the
/// other's, so the first byte of a stream is 1. Optional fields that are not set are filled in by
/// the fixture when the segment arrives, and not compared when it is expected.
struct Seg {
    std::uint32_t seq = 1;
    std::uint32_t ack = 1;
    std::uint8_t flags = A;
    std::uint32_t length = 0; ///< Bytes of payload; what they are follows from `seq`.
    std::optional<std::uint16_t> window{};
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sack{}; ///< Counted as `ack` is.
    std::optional<std::uint32_t> ts_val{};
    std::optional<std::uint32_t> ts_ecr{};
    std::optional<std::uint16_t> mss{};
    std::optional<std::uint8_t> scale{};
    std::optional<bool> sack_permitted{};
    bool without_timestamps = false; ///< Arrives without them though they were agreed on.
};

inline std::string text_of_flags(std::uint8_t flags) {
    static constexpr std::pair<std::uint8_t, char> letters[] = {
        {wire::tcp_flag::syn, 'S'}, {wire::tcp_flag::fin, 'F'}, {wire::tcp_flag::rst, 'R'},
        {wire::tcp_flag::psh, 'P'}, {wire::tcp_flag::urg, 'U'}, {wire::tcp_flag::ece, 'E'},
        {wire::tcp_flag::cwr, 'W'}, {wire::tcp_flag::ack, '.'}};
    std::string text;
    for (const auto& [flag, letter] : letters) {
        if ((flags & flag) != 0) {
            text += letter;
        }
    }
    return text.empty() ? "-" : text;
}

inline std::string text_of_options(const Seg& seg) {
    std::string text;
    const auto add = [&text](const std::string& option) {
        text += (text.empty() ? "" : ",") + option;
    };
    if (seg.mss) {
        add("mss " + std::to_string(*seg.mss));
    }
    if (seg.sack_permitted.value_or(false)) {
        add("sackOK");
    }
    if (seg.ts_val || seg.ts_ecr) {
        add("TS val " + (seg.ts_val ? std::to_string(*seg.ts_val) : "*") + " ecr " +
            (seg.ts_ecr ? std::to_string(*seg.ts_ecr) : "*"));
    }
    if (seg.scale) {
        add("wscale " + std::to_string(int{*seg.scale}));
    }
    for (const auto& [left, right] : seg.sack) {
        add("sack " + std::to_string(left) + ":" + std::to_string(right));
    }
    return text.empty() ? "" : " <" + text + ">";
}

/// The segment as packetdrill writes it: "P. 1:1001(1000) ack 1 win 65535 <sack 2001:3001>".
inline std::string text_of(const Seg& seg) {
    std::string text = text_of_flags(seg.flags) + " " + std::to_string(seg.seq) + ":" +
                       std::to_string(seg.seq + seg.length) + "(" + std::to_string(seg.length) +
                       ")";
    if ((seg.flags & wire::tcp_flag::ack) != 0) {
        text += " ack " + std::to_string(seg.ack);
    }
    if (seg.window) {
        text += " win " + std::to_string(*seg.window);
    }
    return text + text_of_options(seg);
}

inline void PrintTo(const Seg& seg, std::ostream* out) {
    *out << text_of(seg);
}

/// Whether `sent` is what was expected, in every field that `expected` names.
inline bool matches(const Seg& expected, const Seg& sent) {
    const auto same = [](const auto& wanted, const auto& got) { return !wanted || wanted == got; };
    const bool has_ack = (expected.flags & wire::tcp_flag::ack) != 0;
    return expected.seq == sent.seq && (!has_ack || expected.ack == sent.ack) &&
           expected.flags == sent.flags && expected.length == sent.length &&
           expected.sack == sent.sack && same(expected.window, sent.window) &&
           same(expected.ts_val, sent.ts_val) && same(expected.ts_ecr, sent.ts_ecr) &&
           same(expected.mss, sent.mss) && same(expected.scale, sent.scale) &&
           same(expected.sack_permitted, sent.sack_permitted);
}

/// Compares what was sent with what should have been, one line a segment, the wrong ones marked.
inline testing::AssertionResult were_sent(const std::vector<Seg>& expected,
                                          const std::vector<Seg>& sent) {
    bool good = expected.size() == sent.size();
    std::string text = "\n     expected                                 sent\n";
    for (std::size_t i = 0; i < std::max(expected.size(), sent.size()); ++i) {
        const bool same = i < expected.size() && i < sent.size() && matches(expected[i], sent[i]);
        good = good && same;
        std::string wanted = i < expected.size() ? text_of(expected[i]) : "nothing";
        wanted.resize(std::max<std::size_t>(wanted.size() + 1, 40), ' ');
        text += std::string{same ? "     " : "  >> "} + wanted + " " +
                (i < sent.size() ? text_of(sent[i]) : "nothing") + "\n";
    }
    return good ? testing::AssertionSuccess() : testing::AssertionFailure() << text;
}

} // namespace millrace::tcp
