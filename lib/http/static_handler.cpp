#include "http/static_handler.hpp"

#include "base/assert.hpp"
#include "http/conditional.hpp"
#include "http/range.hpp"
#include "http/target.hpp"
#include "scan.hpp"

#include <array>

namespace millrace::http {

struct StaticHandler::Exchange {
    const Request& request;
    const DateCache& date;
    std::span<std::byte> out;
    ConnectionField connection;

    [[nodiscard]] bool wants_body() const { return request.method != Method::head; }
};

namespace {

constexpr std::string_view allowed = "GET, HEAD, OPTIONS";
constexpr std::string_view allow_line = "Allow: GET, HEAD, OPTIONS\r\n";

/// Paths longer than this, after decoding, name nothing in any tree (PATH_MAX is 4096).
constexpr std::size_t path_bytes_max = 4096;

/// What a path in a Location needs no encoding for (RFC 3986 §3.3).
constexpr scan::CharSet path_chars{[](char c) {
    return scan::is_alphanumeric(c) ||
           std::string_view{"-._~!$&'()*+,;=:@/"}.find(c) != std::string_view::npos;
}};

void write_encoded(HeadWriter& writer, std::string_view path) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char& c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (path_chars.contains(c)) {
            writer.raw({&c, 1});
        } else {
            const std::array<char, 3> encoded{'%', digits[byte >> 4U], digits[byte & 15U]};
            writer.raw({encoded.data(), encoded.size()});
        }
    }
}

bool reads(const Request& request) {
    return request.method == Method::get || request.method == Method::head;
}

} // namespace

Answer StaticHandler::answer(const Request& request, const DateCache& date,
                             std::span<std::byte> out) const {
    MILLRACE_ASSERT(out.size() >= answer_bytes_min);
    const ConnectionField connection = connection_field(request.version, request.keep_alive);
    if (reads(request) && !request.is_selective()) [[likely]] {
        if (const Document* const document = store_->find_raw(request.path)) [[likely]] {
            return {Status::ok, request.keep_alive,
                    write_head(document->identity.ok, date, connection, out),
                    request.method == Method::get ? document->identity.bytes
                                                  : std::span<const std::byte>{}};
        }
    }
    return answer_carefully({request, date, out, connection});
}

Answer StaticHandler::answer_carefully(const Exchange& exchange) const {
    const Request& request = exchange.request;
    if (!reads(request) && request.method != Method::options) {
        return refuse(exchange, Status::method_not_allowed, allow_line);
    }
    if (request.target_form == TargetForm::asterisk) {
        return tell_options(exchange);
    }
    Target target;
    std::array<char, path_bytes_max> room;
    if (const Status status = normalise_target(request.path, room, target); status != Status::ok) {
        return refuse(exchange, status);
    }
    const ContentStore::Found found = store_->find(target.path);
    if (found.document == nullptr) {
        return refuse(exchange, Status::not_found);
    }
    if (!reads(request)) {
        return tell_options(exchange);
    }
    if (found.redirect) {
        return redirect(exchange, target.path, target.query);
    }
    return answer_document(exchange, *found.document);
}

/// What can be done with a document, or with the whole server (RFC 9110 §9.3.7).
Answer StaticHandler::tell_options(const Exchange& exchange) const {
    HeadWriter writer{exchange.out};
    writer.begin(Status::no_content, exchange.date);
    writer.field("Allow", allowed);
    writer.end(exchange.connection);
    return {Status::no_content, exchange.request.keep_alive, writer.length(), {}};
}

Answer StaticHandler::answer_document(const Exchange& exchange, const Document& document) const {
    const Request& request = exchange.request;
    const Representation& representation = document.identity;
    switch (evaluate_preconditions(request, document.validators(), exchange.date.unix_seconds())) {
    case Precondition::failed:
        return refuse(exchange, Status::precondition_failed);
    case Precondition::not_modified:
        return {Status::not_modified,
                request.keep_alive,
                write_head(representation.not_modified, exchange.date, exchange.connection,
                           exchange.out),
                {}};
    case Precondition::proceed:
        break;
    }
    if (request.range.data() != nullptr && request.method == Method::get) [[unlikely]] {
        return answer_part(exchange, document);
    }
    return {Status::ok, request.keep_alive,
            write_head(representation.ok, exchange.date, exchange.connection, exchange.out),
            exchange.wants_body() ? representation.bytes : std::span<const std::byte>{}};
}

Answer StaticHandler::answer_part(const Exchange& exchange, const Document& document) const {
    const Request& request = exchange.request;
    const auto bytes = document.identity.bytes;
    RangeRequest range;
    if (range_applies(request, document.validators(), exchange.date.unix_seconds())) {
        range = parse_range(request.range, bytes.size());
    }
    HeadWriter writer{exchange.out};
    switch (range.kind) {
    case RangeRequest::Kind::whole:
        return {Status::ok, request.keep_alive,
                write_head(document.identity.ok, exchange.date, exchange.connection, exchange.out),
                bytes};
    case RangeRequest::Kind::unsatisfiable: {
        std::array<std::byte, 64> room;
        HeadWriter field{room};
        field.unsatisfied_range(bytes.size());
        return refuse(exchange, Status::range_not_satisfiable, field.text());
    }
    case RangeRequest::Kind::part:
        break;
    }
    std::array<char, date_bytes> last_modified;
    format_date(document.last_modified, last_modified);
    writer.begin(Status::partial_content, exchange.date);
    writer.field("Content-Type", document.content_type);
    writer.field("Content-Length", range.length);
    writer.content_range(range.first, range.first + range.length - 1, bytes.size());
    writer.field("ETag", document.identity.etag);
    writer.field("Last-Modified", {last_modified.data(), last_modified.size()});
    writer.end(exchange.connection);
    return {Status::partial_content, request.keep_alive, writer.length(),
            bytes.subspan(range.first, range.length)};
}

Answer StaticHandler::redirect(const Exchange& exchange, std::string_view path,
                               std::string_view query) const {
    HeadWriter writer{exchange.out};
    writer.begin(Status::moved_permanently, exchange.date);
    writer.raw("Location: ");
    write_encoded(writer, path);
    writer.raw("/");
    if (!query.empty()) {
        writer.raw("?");
        writer.raw(query);
    }
    writer.raw("\r\n");
    writer.field("Content-Length", std::uint64_t{0});
    writer.end(exchange.connection);
    if (writer.length() == 0) {
        return refuse(exchange, Status::uri_too_long);
    }
    return {Status::moved_permanently, exchange.request.keep_alive, writer.length(), {}};
}

Answer StaticHandler::refuse(const Exchange& exchange, Status status,
                             std::string_view extra_fields) const {
    const std::size_t written = errors_->write(status, exchange.date, exchange.connection,
                                               exchange.wants_body(), exchange.out, extra_fields);
    return {status,
            exchange.request.keep_alive,
            written,
            {},
            exchange.wants_body() ? errors_->page_bytes(status) : 0};
}

} // namespace millrace::http
