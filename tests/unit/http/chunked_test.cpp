#include "http/chunked.hpp"

#include "parsing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millrace::http::test {
namespace {

using Outcome = ChunkedDecoder::Outcome;
using std::string_literals::operator""s;

/// What became of a stream, however it was fed.
struct Decoded {
    Outcome outcome = Outcome::more;
    Status status = Status::ok;
    std::string data;
    std::size_t taken = 0;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

void PrintTo(const Decoded& decoded, std::ostream* out) {
    *out << "outcome " << static_cast<int>(decoded.outcome) << ", status "
         << static_cast<unsigned>(decoded.status) << ", " << as_literal(decoded.data) << ", took "
         << decoded.taken;
}

/// Gives one piece to a decoder; true while it wants more.
bool feed(ChunkedDecoder& decoder, std::string_view piece, Decoded& decoded) {
    const GuardedBytes guarded{piece};
    auto input = guarded.bytes();
    for (;;) {
        const ChunkedDecoder::Step step = decoder.next(input);
        for (const std::byte byte : step.data) {
            decoded.data += static_cast<char>(byte);
        }
        decoded.outcome = step.outcome;
        decoded.status = step.status;
        decoded.taken += step.taken;
        input = input.subspan(step.taken);
        if (step.outcome != Outcome::data) {
            return step.outcome == Outcome::more;
        }
    }
}

Decoded decode(std::string_view text, std::size_t piece_bytes = SIZE_MAX) {
    ChunkedDecoder decoder;
    Decoded decoded;
    while (!text.empty() && feed(decoder, text.substr(0, piece_bytes), decoded)) {
        text.remove_prefix(std::min(piece_bytes, text.size()));
    }
    return decoded;
}

Decoded finished(std::string_view data, std::size_t taken) {
    return {Outcome::finished, Status::ok, std::string{data}, taken};
}

// F2.bodies
TEST(Chunked, DecodesChunks) {
    const std::string text = "4\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n";
    EXPECT_EQ(decode(text), finished("Wikipedia in \r\n\r\nchunks.", text.size()));
}

TEST(Chunked, LeavesTheNextRequest) {
    EXPECT_EQ(decode("1\r\na\r\n0\r\n\r\nGET /"), finished("a", 11));
}

TEST(Chunked, HandsOutPartsOfItsInput) {
    const std::string text = "5\r\nabcde\r\n";
    ChunkedDecoder decoder;
    const auto input = std::as_bytes(std::span{text});
    const ChunkedDecoder::Step step = decoder.next(input);
    EXPECT_EQ(step.outcome, Outcome::data);
    EXPECT_EQ(step.data.data(), input.data() + 3);
    EXPECT_EQ(step.data.size(), 5U);
    EXPECT_EQ(step.taken, 8U);
}

TEST(Chunked, PassesOverExtensionsAndTrailers) {
    const std::string text = "3;name=value;quoted=\"a;b\"\r\nabc\r\n"
                             "1 \t;bad=\"white space\"\r\nd\r\n"
                             "000;last\r\nTrailer: some value\r\nEmpty:\r\n\r\n";
    EXPECT_EQ(decode(text), finished("abcd", text.size()));
}

TEST(Chunked, ReadsSizesInEitherCase) {
    EXPECT_EQ(decode("00a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n").data,
              "01234567890123456789a");
}

TEST(Chunked, TheWayItIsCutDoesNotMatter) {
    for (const std::string& text :
         {"4\r\nWiki\r\n6;x=y\r\npedia \r\n0\r\nA: b\r\n\r\nrest"s, "4\r\nWiki\r\n0\r\n\r\n"s,
          "4\r\nWikix"s, "3\nabc"s, "10\r\n0123456789"s, "1\r\na\r\n0\r\nA b: c\r\n\r\n"s}) {
        const Decoded whole = decode(text);
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            EXPECT_EQ(decode(text, piece), whole) << as_literal(text) << " by " << piece;
        }
    }
}

TEST(Chunked, StaysFinished) {
    ChunkedDecoder decoder;
    Decoded decoded;
    EXPECT_FALSE(feed(decoder, "0\r\n\r\n", decoded));
    EXPECT_FALSE(feed(decoder, "5\r\nabcde\r\n", decoded));
    EXPECT_EQ(decoded, finished("", 5));
}

TEST(Chunked, RefusesWhatIsBroken) {
    for (const std::string& text : {"\r\n"s,
                                    "x\r\n"s,
                                    "-1\r\n"s,
                                    "+1\r\n"s,
                                    " 1\r\na"s,
                                    "1 \r\na"s,
                                    "0x1\r\na"s,
                                    "1\na"s,
                                    "1\r\r\n"s,
                                    "1\r\naa"s,
                                    "1\r\na\n"s,
                                    "1\r\na\rb"s,
                                    "1;e\nb"s,
                                    "1;e\x01\r\n"s,
                                    "1;e\0\r\n"s,
                                    "1,2\r\n"s,
                                    "0\r\n\n"s,
                                    "0\r\n: nameless\r\n"s,
                                    "0\r\nno colon\r\n"s,
                                    "0\r\n folded\r\n"s,
                                    "0\r\nA: b\n"s,
                                    "0\r\nA: \x7f\r\n"s,
                                    "0\r\n\rx"s,
                                    ";x\r\n"s}) {
        const Decoded decoded = decode(text);
        EXPECT_EQ(decoded.outcome, Outcome::invalid) << as_literal(text);
        EXPECT_EQ(decoded.status, Status::bad_request) << as_literal(text);
    }
}

TEST(Chunked, BoundsTheSize) {
    EXPECT_EQ(decode("7fffffffffffffff\r\n").outcome, Outcome::more);
    EXPECT_EQ(decode("8000000000000000\r\n").status, Status::content_too_large);
    EXPECT_EQ(decode("10000000000000000\r\n").status, Status::content_too_large);
    EXPECT_EQ(decode("fffffffffffffffff1\r\n").status, Status::content_too_large);
}

TEST(Chunked, BoundsExtensions) {
    const std::string most(ChunkedDecoder::extension_bytes_max, 'x');
    EXPECT_EQ(decode("1;" + most + "\r\na\r\n").outcome, Outcome::more);
    EXPECT_EQ(decode("1;" + most + "x").status, Status::bad_request);
    EXPECT_EQ(decode("1" + std::string(most.size() + 1, ' ')).status, Status::bad_request);
    EXPECT_EQ(decode(std::string(most.size() + 2, '0')).status, Status::bad_request)
        << "zeros without end";
    std::string many;
    for (std::size_t i = 0; i <= most.size(); ++i) {
        many += "1;x\r\na\r\n";
    }
    EXPECT_EQ(decode(many).status, Status::bad_request) << "the limit is for all of them";
}

TEST(Chunked, BoundsTrailers) {
    const std::string name = "0\r\nA:";
    const std::string most(ChunkedDecoder::trailer_bytes_max - 3, 'x');
    EXPECT_EQ(decode(name + most + "\r\n\r\n").outcome, Outcome::finished);
    EXPECT_EQ(decode(name + most + "x\r\n\r\n").status, Status::request_header_fields_too_large);
}

} // namespace
} // namespace millrace::http::test
