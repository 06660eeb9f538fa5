#include "options.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <sstream>

namespace millrace::load {

namespace {

/// One `[[job]]`, key by key: each is taken off it, so that what is left over was misspelt.
class JobTable {
  public:
    JobTable(const std::string& path, toml::table& table) : path_{path}, table_{table} {}

    template <class T>
    std::optional<T> take(std::string_view key, T least, T most) {
        const toml::node* const node = table_.get(key);
        if (node == nullptr) {
            return std::nullopt;
        }
        const std::optional<T> value = node->is_number() ? node->value<T>() : std::nullopt;
        if (!value || !(*value >= least && *value <= most)) {
            fail(*node, fmt::format("{} is a number from {} to {}", key, least, most));
        }
        table_.erase(key);
        return value;
    }

    std::optional<std::string> take_word(std::string_view key) {
        return take_one_of(key, [](const std::string& word) { return std::optional{word}; });
    }

    /// A word that `understand` knows.
    template <class F>
    auto take_one_of(std::string_view key, F&& understand) -> decltype(understand(std::string{})) {
        const toml::node* const node = table_.get(key);
        if (node == nullptr) {
            return std::nullopt;
        }
        const auto word = node->value<std::string>();
        if (!word) {
            fail(*node, fmt::format("{} is a string", key));
        }
        const auto value = understand(*word);
        if (!value) {
            fail(*node, fmt::format("{} cannot be '{}'", key, *word));
        }
        table_.erase(key);
        return value;
    }

    std::optional<bool> take_truth(std::string_view key) {
        const toml::node* const node = table_.get(key);
        if (node == nullptr) {
            return std::nullopt;
        }
        const auto value = node->value<bool>();
        if (!value || !node->is_boolean()) {
            fail(*node, fmt::format("{} is true or false", key));
        }
        table_.erase(key);
        return value;
    }

    void expect_empty() const {
        if (!table_.empty()) {
            const auto first = table_.begin();
            fail(first->second, fmt::format("there is no key '{}' in a job", first->first.str()));
        }
    }

    [[noreturn]] void fail(const toml::node& where, const std::string& problem) const {
        throw UsageError{fmt::format("{}:{}: {}", path_, where.source().begin.line, problem)};
    }

  private:
    const std::string& path_;
    toml::table& table_;
};

std::optional<Mode> mode_of_a_job(std::string_view word) {
    const std::optional<Mode> mode = mode_from(word);
    return mode == Mode::mix || mode == Mode::hold ? std::nullopt : mode;
}

template <class T, class U>
void set(T& to, const std::optional<U>& value) {
    if (value) {
        to = static_cast<T>(*value);
    }
}

JobOptions read_job(JobTable table, JobOptions job, const toml::node& where) {
    const auto mode = table.take_one_of("mode", mode_of_a_job);
    if (!mode) {
        table.fail(where, "a job needs its mode");
    }
    job.mode = *mode;
    set(job.weight, table.take<double>("weight", 1e-6, 1e6));
    set(job.port, table.take<std::int64_t>("port", 1, 65535));
    set(job.depth, table.take<std::int64_t>("depth", 1, depth_max));
    set(job.size_bytes, table.take<std::int64_t>("size", 1, size_max));
    set(job.direction, table.take_one_of("direction", direction_from));
    set(job.path, table.take_word("path"));
    set(job.host, table.take_word("host"));
    set(job.expect_status, table.take<std::int64_t>("expect-status", 0, status_max));
    set(job.check, table.take_truth("check"));
    if (const auto close = table.take_one_of("close", close_from)) {
        job.close = close;
    }
    if (const auto bytes = table.take<std::int64_t>("expect-bytes", 0, INT64_MAX)) {
        job.expect_bytes = static_cast<std::uint64_t>(*bytes);
    }
    table.expect_empty();
    return job;
}

} // namespace

std::vector<JobOptions> read_mix(const std::string& path, const JobOptions& defaults) {
    toml::table file;
    try {
        file = toml::parse_file(path);
    } catch (const toml::parse_error& error) {
        throw UsageError{
            fmt::format("{}:{}: {}", path, error.source().begin.line, error.description())};
    }
    toml::array* const jobs = file["job"].as_array();
    if (jobs == nullptr || file.size() != 1 || !jobs->is_homogeneous<toml::table>()) {
        throw UsageError{
            fmt::format("{}: a mix is [[job]] tables, one or more, and nothing else", path)};
    }
    std::vector<JobOptions> result;
    for (toml::node& node : *jobs) {
        result.push_back(read_job(JobTable{path, *node.as_table()}, defaults, node));
    }
    return result;
}

} // namespace millrace::load
