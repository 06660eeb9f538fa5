#include "http/response_parser.hpp"

#include "differential.hpp"
#include "response_generator.hpp"
#include "response_parsing.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

// Boost.Beast's parser as the referee of ours, as in beast_differential_test.cpp, for responses.

namespace millrace::http::test {
namespace {

namespace beast = boost::beast;
using BeastField = beast::http::field;

/// Beast's reading of the head at the front of some bytes.
struct Referee {
    Referee(std::string_view text, Method asked_with) {
        parser.header_limit(std::numeric_limits<std::uint32_t>::max());
        parser.body_limit(std::numeric_limits<std::uint64_t>::max());
        parser.skip(asked_with == Method::head);
        length = parser.put(boost::asio::buffer(text.data(), text.size()), error);
        accepted = !error && parser.is_header_done();
    }

    [[nodiscard]] ResponseBody body() const {
        if (parser.is_done()) {
            return ResponseBody::none;
        }
        if (parser.chunked()) {
            return ResponseBody::chunked;
        }
        return parser.need_eof() ? ResponseBody::until_close : ResponseBody::content_length;
    }
    [[nodiscard]] unsigned version() const { return parser.get().version(); }
    [[nodiscard]] std::size_t count(BeastField name) const { return parser.get().count(name); }
    [[nodiscard]] std::string_view field(BeastField name) const { return view(parser.get()[name]); }

    beast::http::response_parser<beast::http::empty_body> parser;
    beast::error_code error;
    std::size_t length = 0;
    bool accepted = false;
};

/// Why Beast may refuse what we accept.
const char* our_leniency(std::string_view head) {
    if (head[std::string_view{"HTTP/1."}.size()] > '1') {
        return "later minor versions are read as 1.1 (RFC 9110 section 2.5)";
    }
    if (contains(lower_case(head), "connection:")) {
        return "a Connection field that is no list of tokens says nothing";
    }
    return nullptr;
}

/// Our reason to refuse what Beast accepts, judged by what Beast read and the bytes themselves.
const char* our_strictness(std::string_view text, const Referee& referee, Status status) {
    const std::string_view head = text.substr(0, referee.length);
    if (status == Status::content_too_large) {
        return "content lengths of more than 63 bits";
    }
    if (status != Status::bad_request) {
        return nullptr;
    }
    if (contains(head, "\r\n ") || contains(head, "\r\n\t")) {
        return "folded lines (RFC 9112 section 5.2)";
    }
    if (referee.count(BeastField::transfer_encoding) > 0) {
        const std::string codings = lower_case(referee.field(BeastField::transfer_encoding));
        if (referee.version() == 10) {
            return "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)";
        }
        if (referee.count(BeastField::content_length) > 0) {
            return "Content-Length with Transfer-Encoding (RFC 9112 section 6.1)";
        }
        if (referee.count(BeastField::transfer_encoding) > 1) {
            return "a repeated Transfer-Encoding";
        }
        if (contains(codings, "chunked") && codings != "chunked") {
            return "chunked that is not last, or has a parameter, or is in a quoted one";
        }
        return "lists of transfer codings that are none";
    }
    if (referee.count(BeastField::content_length) > 1 ||
        contains(referee.field(BeastField::content_length), ",")) {
        return "a repeated Content-Length, even of one value";
    }
    return nullptr;
}

class BeastResponse : public testing::Test {
  protected:
    void judge(std::string_view text, Method asked_with) {
        ResponseHead head;
        const ParseResult ours = parse_response(std::as_bytes(std::span{text}), asked_with, head);
        const Referee referee{text, asked_with};
        switch (ours.outcome) {
        case ParseOutcome::complete:
            ++complete_;
            judge_complete(text.substr(0, ours.length), head, referee);
            break;
        case ParseOutcome::partial:
            ++partial_;
            EXPECT_FALSE(referee.accepted);
            break;
        case ParseOutcome::invalid:
            ++invalid_;
            if (referee.accepted) {
                const char* const reason = our_strictness(text, referee, ours.status);
                ASSERT_NE(reason, nullptr) << "refused with " << static_cast<unsigned>(ours.status);
                strict_.met(reason);
            }
            break;
        }
    }

    void judge_complete(std::string_view text, const ResponseHead& head, const Referee& referee) {
        if (!referee.accepted) {
            const char* const reason = our_leniency(text);
            ASSERT_NE(reason, nullptr) << referee.error.message();
            lenient_.met(reason);
            return;
        }
        EXPECT_EQ(text.size(), referee.length);
        EXPECT_EQ(head.status_code, referee.parser.get().result_int());
        EXPECT_EQ(head.version == Version::http_1_0 ? 10U : 11U, referee.version());
        EXPECT_EQ(head.body, referee.body());
        if (head.body == ResponseBody::content_length) {
            EXPECT_EQ(head.content_length, referee.parser.content_length().value_or(0));
        }
        judge_keep_alive(text, head, referee);
    }

    void judge_keep_alive(std::string_view text, const ResponseHead& head, const Referee& referee) {
        if (head.keep_alive == referee.parser.keep_alive()) {
            return;
        }
        // RFC 9112 section 9.3 asks for close first, in either version.
        const std::string lower = lower_case(text);
        EXPECT_EQ(head.version, Version::http_1_0);
        EXPECT_FALSE(head.keep_alive);
        EXPECT_TRUE(contains(lower, "close") && contains(lower, "keep-alive"));
        lenient_.met("close goes before keep-alive in HTTP/1.0 too");
    }

    unsigned complete_ = 0;
    unsigned partial_ = 0;
    unsigned invalid_ = 0;
    Differences lenient_;
    Differences strict_;
};

TEST_F(BeastResponse, AgreesButWhereWeMeanToDiffer) {
    constexpr unsigned responses = 100'000;
    for (unsigned seed = 0; seed < responses && !HasFailure(); ++seed) {
        const std::string text = ResponseGenerator{seed}.next();
        SCOPED_TRACE("seed " + std::to_string(seed) + ": " + as_literal(text));
        judge(text, seed % 5 == 0 ? Method::head : Method::get);
    }
    EXPECT_GT(complete_, responses / 10);
    EXPECT_GT(invalid_, responses / 10);
    EXPECT_GT(partial_, 500U);
    EXPECT_EQ(strict_.print("refused by us only"), 8U) << "a difference that was never met";
    EXPECT_EQ(lenient_.print("read otherwise by us"), 3U) << "a difference that was never met";
}

} // namespace
} // namespace millrace::http::test
