#include "http/response.hpp"

#include "http/error_pages.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace millrace::http::test {
namespace {

constexpr std::int64_t example = 784111777;

std::string_view text_of(std::span<const std::byte> bytes) {
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

TEST(HeadWriter, WritesAHead) {
    std::array<std::byte, 512> room;
    HeadWriter writer{room};
    writer.begin(Status::partial_content, DateCache{example});
    writer.field("ETag", "\"x\"");
    writer.field("Content-Length", std::uint64_t{18446744073709551615U});
    writer.content_range(1, 2, 3);
    writer.unsatisfied_range(4);
    writer.end(ConnectionField::close);
    EXPECT_EQ(writer.text(), "HTTP/1.1 206 Partial Content\r\n"
                             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Server: millrace\r\n"
                             "ETag: \"x\"\r\n"
                             "Content-Length: 18446744073709551615\r\n"
                             "Content-Range: bytes 1-2/3\r\n"
                             "Content-Range: bytes */4\r\n"
                             "Connection: close\r\n\r\n");
    EXPECT_EQ(writer.text().substr(writer.date_offset(), 3), "Sun");
}

TEST(HeadWriter, WritesAllOrNothing) {
    const DateCache date{example};
    std::array<std::byte, 512> room;
    HeadWriter whole{room};
    whole.begin(Status::ok, date);
    whole.end(ConnectionField::none);
    for (std::size_t size = 0; size < whole.length(); ++size) {
        std::array<std::byte, 512> small;
        small.fill(std::byte{0xee});
        HeadWriter writer{std::span{small}.first(size)};
        writer.begin(Status::ok, date);
        writer.end(ConnectionField::none);
        EXPECT_EQ(writer.length(), 0U) << size;
        EXPECT_EQ(small[size], std::byte{0xee}) << size;
    }
}

TEST(ConnectionField, DependsOnTheVersion) {
    EXPECT_EQ(connection_field(Version::http_1_1, true), ConnectionField::none);
    EXPECT_EQ(connection_field(Version::http_1_0, true), ConnectionField::keep_alive);
    EXPECT_EQ(connection_field(Version::http_1_1, false), ConnectionField::close);
    EXPECT_EQ(connection_field(Version::http_1_0, false), ConnectionField::close);
}

class WriteHead : public testing::Test {
  protected:
    std::string write(ConnectionField connection, std::string_view extra = {}) {
        const std::size_t length = write_head(head_, DateCache{example}, connection, room_, extra);
        return std::string{text_of(std::span{room_}.first(length))};
    }

    const HeadTemplate head_{"HTTP/1.1 200 OK\r\nDate: .............................\r\nA: b\r\n",
                             23};
    std::array<std::byte, 256> room_{};
};

TEST_F(WriteHead, FillsInDateAndConnection) {
    const std::string start = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\n";
    EXPECT_EQ(write(ConnectionField::none), start + "\r\n");
    EXPECT_EQ(write(ConnectionField::close), start + "Connection: close\r\n\r\n");
    EXPECT_EQ(write(ConnectionField::keep_alive), start + "Connection: keep-alive\r\n\r\n");
    EXPECT_EQ(write(ConnectionField::close, "C: d\r\nE: f\r\n"),
              start + "C: d\r\nE: f\r\nConnection: close\r\n\r\n");
}

TEST_F(WriteHead, StaysWithinItsBuffer) {
    const std::size_t needed = head_.text.size() + head_tail_bytes;
    const DateCache date{example};
    EXPECT_GT(write_head(head_, date, ConnectionField::close, std::span{room_}.first(needed)), 0U);
    EXPECT_EQ(write_head(head_, date, ConnectionField::close, std::span{room_}.first(needed - 1)),
              0U);
    EXPECT_EQ(write_head(head_, date, ConnectionField::close, std::span{room_}.first(needed), "x"),
              0U);
}

TEST(ErrorPages, ExistForEveryErrorOfTheParserAndHandler) {
    const ErrorPages pages;
    const DateCache date{example};
    std::array<std::byte, ErrorPages::response_bytes_max> room;
    for (const unsigned code :
         {400U, 404U, 405U, 408U, 412U, 413U, 414U, 416U, 417U, 431U, 501U, 503U, 505U}) {
        const auto status = static_cast<Status>(code);
        const std::size_t length = pages.write(status, date, ConnectionField::close, true, room);
        const std::string_view text = text_of(std::span{room}.first(length));
        const std::size_t head_length = text.find("\r\n\r\n") + 4;
        const std::string_view page = text.substr(head_length);
        EXPECT_TRUE(text.starts_with("HTTP/1.1 " + std::to_string(code) + " " +
                                     std::string{reason_phrase(status)} + "\r\n"));
        EXPECT_NE(text.find("Content-Length: " + std::to_string(page.size()) + "\r\n"),
                  std::string_view::npos);
        EXPECT_NE(text.find("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), std::string_view::npos);
        EXPECT_NE(page.find(reason_phrase(status)), std::string_view::npos);
        EXPECT_EQ(pages.write(status, date, ConnectionField::close, false, room), head_length);
    }
}

TEST(ErrorPages, TakeExtraFieldsAndFitOrDoNot) {
    const ErrorPages pages;
    std::array<std::byte, ErrorPages::response_bytes_max> room;
    const std::size_t length = pages.write(Status::method_not_allowed, DateCache{example},
                                           ConnectionField::none, true, room, "Allow: GET\r\n");
    EXPECT_NE(text_of(std::span{room}.first(length)).find("Allow: GET\r\n\r\n<!DOCTYPE"),
              std::string_view::npos);
    EXPECT_EQ(pages.write(Status::method_not_allowed, DateCache{example}, ConnectionField::none,
                          true, std::span{room}.first(length - 1)),
              0U);
}

} // namespace
} // namespace millrace::http::test
