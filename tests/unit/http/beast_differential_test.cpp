#include "http/request_parser.hpp"

#include "differential.hpp"
#include "parsing.hpp"
#include "request_generator.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <regex>
#include <string>
#include <string_view>

// Boost.Beast's parser as the referee of ours. What we accept, it must read as we do; what we
// refuse and it accepts must be one of the differences that we mean, each of which has a name here.
// Each name must also be met, or this test has stopped looking.

namespace millrace::http::test {
namespace {

namespace beast = boost::beast;
using BeastField = beast::http::field;

/// Beast's reading of the head at the front of some bytes.
struct Referee {
    explicit Referee(std::string_view text) {
        parser.header_limit(std::numeric_limits<std::uint32_t>::max());
        parser.body_limit(std::numeric_limits<std::uint64_t>::max());
        length = parser.put(boost::asio::buffer(text.data(), text.size()), error);
        accepted = !error && parser.is_header_done();
    }

    [[nodiscard]] std::string_view target() const { return view(parser.get().target()); }
    [[nodiscard]] std::string_view method() const { return view(parser.get().method_string()); }
    [[nodiscard]] unsigned version() const { return parser.get().version(); }
    [[nodiscard]] std::size_t count(BeastField name) const { return parser.get().count(name); }
    [[nodiscard]] std::string_view field(BeastField name) const { return view(parser.get()[name]); }

    beast::http::request_parser<beast::http::empty_body> parser;
    beast::error_code error;
    std::size_t length = 0;
    bool accepted = false;
};

bool is_http_target(std::string_view target) {
    return lower_case(target.substr(0, 7)) == "http://";
}

/// uri-host [ ":" port ] (RFC 9110 section 7.2), said otherwise than in the parser.
bool is_authority(std::string_view text) {
    static const std::regex grammar{R"((\[[0-9A-Fa-f:.]+\]|([\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*))"
                                    R"((:[0-9]*)?)",
                                    std::regex::ECMAScript | std::regex::optimize};
    return std::regex_match(text.begin(), text.end(), grammar);
}

// ---- We accept, Beast does not, or reads it otherwise.

/// Why Beast may refuse what we accept.
const char* our_leniency(std::string_view text, const Request& request) {
    if (text.starts_with("\r\n")) {
        return "empty lines before a request are passed over (RFC 9112 section 2.2)";
    }
    const std::size_t version_at = static_cast<std::size_t>(request.target.data() - text.data()) +
                                   request.target.size() + std::string_view{" HTTP/1."}.size();
    if (text[version_at] > '1') {
        return "later minor versions are read as 1.1 (RFC 9110 section 2.5)";
    }
    if (contains(lower_case(text), "connection:")) {
        return "a Connection field that is no list of tokens says nothing";
    }
    return nullptr;
}

// ---- Beast accepts, we do not.

/// Our reason to refuse what Beast accepts, judged by what Beast read and the bytes themselves.
const char* our_strictness(std::string_view text, const Referee& referee, Status status) {
    const std::string_view head = text.substr(0, referee.length);
    const std::string_view target = referee.target();
    const std::string_view method = referee.method();
    if (status == Status::not_implemented) {
        return contains(head, "gzip") && referee.count(BeastField::transfer_encoding) > 0
                   ? "codings before chunked are not implemented"
                   : "methods that are not implemented";
    }
    if (status == Status::expectation_failed) {
        return "expectations other than 100-continue";
    }
    if (status == Status::content_too_large) {
        return "content lengths of more than 63 bits";
    }
    if (status != Status::bad_request) {
        return nullptr;
    }
    if (std::ranges::any_of(target, [](unsigned char c) { return c >= 0x7f; })) {
        return "targets with bytes above ASCII";
    }
    if (!target.starts_with('/') && !is_http_target(target) && target != "*") {
        return "targets that are neither a path, http:, nor *";
    }
    if (target == "*" && method != "OPTIONS") {
        return "* for a method other than OPTIONS";
    }
    if (is_http_target(target)) {
        const std::string_view rest = target.substr(7);
        const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
        if (authority.empty() || authority.starts_with(':') || !is_authority(authority)) {
            return "bad authorities in targets";
        }
    }
    if (contains(head, "\r\n ") || contains(head, "\r\n\t")) {
        return "folded lines (RFC 9112 section 5.2)";
    }
    if (referee.count(BeastField::host) != 1 &&
        (referee.version() == 11 || referee.count(BeastField::host) > 1)) {
        return "not exactly one Host (RFC 9112 section 3.2)";
    }
    if (referee.count(BeastField::transfer_encoding) > 0) {
        if (referee.version() == 10) {
            return "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)";
        }
        if (referee.count(BeastField::content_length) > 0) {
            return "Content-Length with Transfer-Encoding (RFC 9112 section 6.1)";
        }
        if (referee.count(BeastField::transfer_encoding) > 1 || !referee.parser.chunked() ||
            lower_case(referee.field(BeastField::transfer_encoding)) != "chunked") {
            return "transfer codings that do not end in one chunked";
        }
    }
    if (referee.count(BeastField::content_length) > 1 ||
        contains(referee.field(BeastField::content_length), ",")) {
        return "a repeated Content-Length, even of one value";
    }
    for (const BeastField once : {BeastField::range, BeastField::if_range, BeastField::if_match,
                                  BeastField::if_modified_since, BeastField::if_unmodified_since}) {
        if (referee.count(once) > 1) {
            return "a repeated field that may come once";
        }
    }
    if (!is_authority(referee.field(BeastField::host))) {
        return "bad Host values (RFC 9112 section 3.2)";
    }
    return nullptr;
}

std::string_view method_name(Method method) {
    switch (method) {
    case Method::get:
        return "GET";
    case Method::head:
        return "HEAD";
    case Method::post:
        return "POST";
    case Method::options:
        return "OPTIONS";
    case Method::put:
        return "PUT";
    case Method::delete_:
        return "DELETE";
    case Method::patch:
        return "PATCH";
    case Method::trace:
        return "TRACE";
    }
    return "";
}

class BeastDifferential : public testing::Test {
  protected:
    void judge(std::string_view text) {
        Request request;
        const ParseResult ours = parse_request(std::as_bytes(std::span{text}), request);
        const Referee referee{text};
        switch (ours.outcome) {
        case ParseOutcome::complete:
            ++complete_;
            judge_complete(text, request, ours, referee);
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

    void judge_complete(std::string_view text, const Request& request, const ParseResult& ours,
                        const Referee& referee) {
        if (!referee.accepted) {
            const char* const reason = our_leniency(text, request);
            ASSERT_NE(reason, nullptr) << referee.error.message();
            lenient_.met(reason);
            return;
        }
        EXPECT_EQ(ours.length, referee.length);
        EXPECT_EQ(method_name(request.method), referee.method());
        EXPECT_EQ(request.target, referee.target());
        EXPECT_EQ(request.version == Version::http_1_0 ? 10U : 11U, referee.version());
        EXPECT_EQ(request.body == BodyKind::chunked, referee.parser.chunked());
        EXPECT_EQ(request.content_length, referee.parser.content_length().value_or(0));
        judge_keep_alive(text, request, referee);
        if (!is_http_target(request.target)) {
            EXPECT_EQ(request.host, referee.field(BeastField::host));
        }
        EXPECT_EQ(request.range, referee.field(BeastField::range));
        EXPECT_EQ(request.if_match, referee.field(BeastField::if_match));
        EXPECT_EQ(request.if_none_match, referee.field(BeastField::if_none_match));
        EXPECT_EQ(request.if_modified_since, referee.field(BeastField::if_modified_since));
        EXPECT_EQ(request.if_unmodified_since, referee.field(BeastField::if_unmodified_since));
        EXPECT_EQ(request.if_range, referee.field(BeastField::if_range));
        EXPECT_EQ(request.accept_encoding, referee.field(BeastField::accept_encoding));
    }

    void judge_keep_alive(std::string_view text, const Request& request, const Referee& referee) {
        if (request.keep_alive == referee.parser.keep_alive()) {
            return;
        }
        // RFC 9112 section 9.3 asks for close first, in either version.
        const std::string lower = lower_case(text.substr(0, referee.length));
        EXPECT_EQ(request.version, Version::http_1_0);
        EXPECT_FALSE(request.keep_alive);
        EXPECT_TRUE(contains(lower, "close") && contains(lower, "keep-alive"));
        lenient_.met("close goes before keep-alive in HTTP/1.0 too");
    }

    unsigned complete_ = 0;
    unsigned partial_ = 0;
    unsigned invalid_ = 0;
    Differences lenient_;
    Differences strict_;
};

TEST_F(BeastDifferential, AgreesButWhereWeMeanToDiffer) {
    constexpr unsigned requests = 60'000;
    for (unsigned seed = 0; seed < requests && !HasFailure(); ++seed) {
        const std::string text = RequestGenerator{seed}.next();
        SCOPED_TRACE("seed " + std::to_string(seed) + ": " + as_literal(text));
        judge(text);
    }
    EXPECT_GT(complete_, requests / 10);
    EXPECT_GT(invalid_, requests / 10);
    EXPECT_GT(partial_, 500U);
    EXPECT_EQ(strict_.print("refused by us only"), 16U) << "a difference that was never met";
    EXPECT_EQ(lenient_.print("read otherwise by us"), 4U) << "a difference that was never met";
}

} // namespace
} // namespace millrace::http::test
