#pragma once

#include "wire/ip.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// A segment as a script writes it, and as it stands in a packet.
namespace millrace::script {

/// One TCP option with its numbers: `mss 1460` has one, `TS val 1 ecr 0` two, each SACK block two.
/// A number that is missing stands for any (`*`). Of a raw one the numbers are its bytes, whatever
/// its kind.
struct Option {
    std::uint8_t kind = 0;
    std::vector<std::optional<std::uint32_t>> values;
    bool raw = false;
};

/// What a script says of a segment, or what was sent, counted from the conversation's bases. A
/// field that is missing stands for any, in what is expected only.
struct Segment {
    unsigned conversation = 1;
    std::optional<wire::Ecn> ecn;
    bool bad_checksum = false;
    std::uint8_t flags = 0;
    std::optional<std::uint32_t> seq;
    std::uint32_t length = 0;
    std::optional<std::uint32_t> ack;
    std::optional<std::uint16_t> window;
    std::optional<std::uint16_t> urgent;
    bool any_options = false;
    std::vector<Option> options;

    [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

/// The segment in the notation: "P. 1:1001(1000) ack 1 win 65535 <nop,nop,TS val 100 ecr 5>".
[[nodiscard]] std::string text_of(const Segment& segment);

/// The flags of the notation ("S.", "F.", "-" for none), or nothing when a letter is unknown.
[[nodiscard]] std::optional<std::uint8_t> flags_of(std::string_view letters);

/// Options as bytes, in the order in which they stand, padded with END to a multiple of four.
[[nodiscard]] std::vector<std::byte> encode_options(const std::vector<Option>& options);

/// Options read from a header, or nothing when a length is wrong.
[[nodiscard]] std::optional<std::vector<Option>> decode_options(std::span<const std::byte> bytes);

/// Empty when `sent` is what was expected in every field named; else which field is not.
[[nodiscard]] std::string difference(const Segment& expected, const Segment& sent);

} // namespace millrace::script
