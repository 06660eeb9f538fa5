#include "config_schema.hpp"
#include "nearest.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace millrace::runtime {

namespace {

using schema::Reading;
using schema::Section;

/// "tcp.time_wait" in "tcp" is "time_wait"; in others, nothing.
std::string_view name_within(std::string_view child, std::string_view parent) {
    if (parent.empty()) {
        return child.substr(0, child.find('.'));
    }
    if (child.starts_with(parent) && child.size() > parent.size() && child[parent.size()] == '.') {
        return child.substr(parent.size() + 1);
    }
    return {};
}

/// Names of the sections directly within `parent` ("" for the file itself).
std::vector<std::string_view> subsections(std::string_view parent) {
    std::vector<std::string_view> names;
    schema::schema().each([&](const auto& section) {
        const std::string_view within = name_within(section.name, parent);
        if (!within.empty() && std::find(names.begin(), names.end(), within) == names.end()) {
            names.push_back(within);
        }
    });
    return names;
}

/// Names of the sections that have a key of this name.
std::vector<std::string> sections_with(std::string_view key) {
    std::vector<std::string> names;
    schema::schema().each([&](const auto& section) {
        if (section.find(key) != nullptr) {
            names.push_back(section.repeated ? "[[" + section.name + "]]"
                                             : "[" + section.name + "]");
        }
    });
    return names;
}

std::string joined(const std::vector<std::string_view>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

/// What to say to somebody who wrote `key` where `known` are the names there are.
std::string remedy_for_unknown(std::string_view key, const std::vector<std::string_view>& known) {
    if (const std::string_view near = nearest(key, known); !near.empty()) {
        return fmt::format("did you mean {}?", schema::in_quotes(near));
    }
    if (const auto elsewhere = sections_with(key); !elsewhere.empty()) {
        return fmt::format("it belongs in {}", fmt::join(elsewhere, " or "));
    }
    return "known here: " + joined(known);
}

/// Reads what stands in one section; its subsections are the caller's.
template <class S>
void read_keys(const toml::table& table, const std::string& path, const Section<S>& section,
               S& into, Reading& reading) {
    reading.remember(path, table);
    const std::vector<std::string_view> inner = subsections(section.name);
    for (const auto& [name, node] : table) {
        const std::string key_path = path + "." + std::string{name.str()};
        if (const auto* key = section.find(name.str())) {
            reading.remember(key_path, node);
            key->read(node, key_path, into, reading);
        } else if (std::find(inner.begin(), inner.end(), name.str()) == inner.end()) {
            std::vector<std::string_view> known;
            for (const auto& each : section.keys) {
                known.push_back(each.name);
            }
            known.insert(known.end(), inner.begin(), inner.end());
            reading.error(node, key_path, "unknown key", remedy_for_unknown(name.str(), known));
        }
    }
    for (const auto& key : section.keys) {
        if (key.required && key.only_for.empty() && !table.contains(key.name)) {
            reading.error(table, path + "." + key.name, "is missing",
                          fmt::format("add {} = … ({})", key.name, key.type));
        }
    }
}

/// The section `name` of `parent`, or null where there is none (or something else, which is
/// reported).
const toml::table* single_section(const toml::table& parent, std::string_view name,
                                  const std::string& path, Reading& reading) {
    const toml::node* node = parent.get(name);
    if (node == nullptr) {
        return nullptr;
    }
    if (node->is_table()) {
        return node->as_table();
    }
    reading.error(*node, path, "is not a section",
                  fmt::format("write [{}] on a line of its own, its keys below", path));
    return nullptr;
}

template <class S>
void read_single(const toml::table& parent, std::string_view name, const std::string& path, S& into,
                 Reading& reading) {
    if (const toml::table* table = single_section(parent, name, path, reading)) {
        read_keys(*table, path, schema::schema().of<S>(), into, reading);
    }
}

/// Calls `read(table, path)` for every [[name]].
template <class F>
void each_repeated(const toml::table& root, const std::string& name, Reading& reading,
                   const F& read) {
    const toml::node* node = root.get(name);
    if (node == nullptr) {
        return;
    }
    const toml::array* list = node->as_array();
    if (list == nullptr || !std::all_of(list->begin(), list->end(),
                                        [](const toml::node& item) { return item.is_table(); })) {
        reading.error(*node, name, "there may be several of these",
                      fmt::format("write [[{}]] with two brackets, its keys below", name));
        return;
    }
    std::size_t index = 0;
    for (const toml::node& item : *list) {
        read(*item.as_table(), fmt::format("{}[{}]", name, index));
        ++index;
    }
}

/// Which keys a listener may have and must have depends on its service.
void check_service_keys(const toml::table& table, const std::string& path,
                        const ListenConfig& listener, Reading& reading) {
    if (reading.failed(path + ".service")) {
        return;
    }
    const std::string_view service = name(listener.service);
    for (const auto& key : schema::schema().of<ListenConfig>().keys) {
        if (key.only_for.empty()) {
            continue;
        }
        const toml::node* node = table.get(key.name);
        if (node != nullptr && key.only_for != service) {
            reading.error(
                *node, path + "." + key.name,
                fmt::format("means nothing to the service {}", schema::in_quotes(service)),
                fmt::format("remove it; it belongs to {}", schema::in_quotes(key.only_for)));
        }
        if (node == nullptr && key.required && key.only_for == service) {
            reading.error(
                table, path + "." + key.name,
                fmt::format("is missing, and the service {} needs it", schema::in_quotes(service)),
                fmt::format("add {} = … ({})", key.name, key.type));
        }
    }
}

void read_listener(const toml::table& table, const std::string& path, Config& config,
                   Reading& reading) {
    ListenConfig& listener = config.listeners.emplace_back();
    read_keys(table, path, schema::schema().of<ListenConfig>(), listener, reading);
    listener.tcp = config.tcp; // Read before the listeners.
    read_single(table, "tcp", path + ".tcp", listener.tcp, reading);
    read_single(table, "time_wait", path + ".time_wait", listener.time_wait, reading);
    check_service_keys(table, path, listener, reading);
}

void read_root(const toml::table& root, Config& config, Reading& reading) {
    const std::vector<std::string_view> known = subsections("");
    for (const auto& [name, node] : root) {
        if (std::find(known.begin(), known.end(), name.str()) == known.end()) {
            reading.error(node, std::string{name.str()},
                          node.is_table() || node.is_array_of_tables() ? "unknown section"
                                                                       : "unknown key",
                          remedy_for_unknown(name.str(), known));
        }
    }
    read_single(root, "eal", "eal", config.eal, reading);
    read_single(root, "workers", "workers", config.workers, reading);
    each_repeated(root, "port", reading, [&](const toml::table& table, const std::string& path) {
        read_keys(table, path, schema::schema().of<PortConfig>(), config.ports.emplace_back(),
                  reading);
    });
    read_single(root, "tcp", "tcp", config.tcp, reading);
    if (const toml::node* tcp = root.get("tcp"); tcp != nullptr && tcp->is_table()) {
        read_single(*tcp->as_table(), "time_wait", "tcp.time_wait", config.tcp.time_wait, reading);
    }
    each_repeated(root, "listen", reading, [&](const toml::table& table, const std::string& path) {
        read_listener(table, path, config, reading);
    });
    read_single(root, "management", "management", config.management, reading);
    read_single(root, "log", "log", config.log, reading);
}

/// The key of a line that is not TOML: what stands before its "=".
std::string key_of_line(std::string_view text, std::uint32_t line) {
    for (std::uint32_t i = 1; i < line; ++i) {
        text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
    }
    text = text.substr(0, text.find('\n'));
    const auto equals = text.find('=');
    const auto first = text.find_first_not_of(" \t");
    if (equals == std::string_view::npos || first >= equals) {
        return {};
    }
    text = text.substr(first, equals - first);
    return std::string{text.substr(0, text.find_last_not_of(" \t") + 1)};
}

} // namespace

LoadedConfig parse_config(std::string_view text, const std::string& file) {
    Reading reading{file};
    Config config;
    try {
        const toml::table root = toml::parse(text, file);
        read_root(root, config, reading);
        schema::check(config, reading);
    } catch (const toml::parse_error& error) {
        const std::uint32_t line = error.source().begin.line;
        return {{},
                {{file, line, key_of_line(text, line), std::string{error.description()},
                  "write TOML: key = value, strings in double quotes, lists in [ ]"}}};
    }
    if (!reading.errors.empty()) {
        std::stable_sort(
            reading.errors.begin(), reading.errors.end(),
            [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
        return {{}, std::move(reading.errors)};
    }
    config.origin = std::move(reading.origin);
    return {std::move(config), {}};
}

LoadedConfig load_config(const std::string& path) {
    const auto unreadable = [&](const std::string& why) {
        return LoadedConfig{
            {}, {{path, 0, {}, "cannot be read: " + why, "name a configuration with --config"}}};
    };
    if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) {
        return unreadable("it is a folder");
    }
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        return unreadable(std::strerror(errno));
    }
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    return parse_config(text, path);
}

} // namespace millrace::runtime
