#include "http/conditional.hpp"

#include "http/date.hpp"
#include "text.hpp"

namespace millrace::http {
namespace {

enum class Comparison : std::uint8_t { strong, weak };

/// Whether `etag`, a strong one, is in a list of entity tags, or the list is `*`. A list is read up
/// to where it is malformed; commas may be inside of tags (RFC 9110 §8.8.3).
bool list_matches(std::string_view list, std::string_view etag, Comparison comparison) {
    if (list == etag || list == "*") {
        return true;
    }
    while (!list.empty()) {
        if (list.front() == ',' || is_optional_space(list.front())) {
            list.remove_prefix(1);
            continue;
        }
        const bool weak = list.starts_with("W/");
        list.remove_prefix(weak ? 2 : 0);
        const std::size_t close =
            list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
        if (close == std::string_view::npos) {
            return false;
        }
        const bool comparable = !weak || comparison == Comparison::weak;
        if (comparable && list.substr(0, close + 1) == etag) {
            return true;
        }
        list.remove_prefix(close + 1);
    }
    return false;
}

bool is_there(std::string_view field) {
    return field.data() != nullptr;
}

bool modified_since(std::string_view date, const Validators& validators, std::int64_t now,
                    bool when_unreadable) {
    const auto since = parse_date(date, now);
    return since ? validators.last_modified > *since : when_unreadable;
}

bool is_safe_read(Method method) {
    return method == Method::get || method == Method::head;
}

} // namespace

Precondition evaluate_preconditions(const Request& request, const Validators& validators,
                                    std::int64_t now_unix_seconds) {
    if (is_there(request.if_match)) {
        if (!list_matches(request.if_match, validators.etag, Comparison::strong)) {
            return Precondition::failed;
        }
    } else if (is_there(request.if_unmodified_since) &&
               modified_since(request.if_unmodified_since, validators, now_unix_seconds, false)) {
        return Precondition::failed;
    }
    if (is_there(request.if_none_match)) {
        if (list_matches(request.if_none_match, validators.etag, Comparison::weak)) {
            return is_safe_read(request.method) ? Precondition::not_modified : Precondition::failed;
        }
    } else if (is_there(request.if_modified_since) && is_safe_read(request.method) &&
               !modified_since(request.if_modified_since, validators, now_unix_seconds, true)) {
        return Precondition::not_modified;
    }
    return Precondition::proceed;
}

bool range_applies(const Request& request, const Validators& validators,
                   std::int64_t now_unix_seconds) {
    if (!is_there(request.if_range)) {
        return true;
    }
    if (request.if_range.starts_with('"') || request.if_range.starts_with("W/")) {
        return request.if_range == validators.etag;
    }
    constexpr std::int64_t strong_after_seconds = 60;
    return parse_date(request.if_range, now_unix_seconds) == validators.last_modified &&
           now_unix_seconds - validators.last_modified >= strong_after_seconds;
}

} // namespace millrace::http
