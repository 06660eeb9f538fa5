#pragma once

// What a key of the configuration is. config_keys.cpp makes the table; config_load.cpp reads files
// by it and config_reference.cpp prints it.

#include "runtime/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::runtime::schema {

inline constexpr std::size_t port_addresses_max = 4096;

/// A file while it is being read: what was wrong so far, and where everything stood.
class Reading {
  public:
    explicit Reading(std::string file) { origin.file = std::move(file); }

    void error(const toml::node& where, std::string key, std::string problem, std::string remedy);
    void remember(const std::string& key, const toml::node& where);

    /// Whether anything was wrong with `key` or below it.
    [[nodiscard]] bool failed(std::string_view key) const;

    ConfigOrigin origin;
    std::vector<ConfigError> errors;
};

/// A value read from a text, or why that could not be done.
template <class T>
struct Parsed {
    std::optional<T> value;
    std::string problem;
    std::string remedy;
};

/// Addresses of a port, one or a range of them.
Parsed<std::vector<IpPrefix>> parse_port_addresses(std::string_view text);
Parsed<IpAddr> parse_plain_address(std::string_view text);
Parsed<wire::MacAddr> parse_mac(std::string_view text);

/// Reads a node as the type wanted; where it is another, reports that and returns nothing. `wanted`
/// ends the sentence "write …".
std::optional<std::int64_t> as_integer(const toml::node& node, const std::string& key,
                                       const std::string& wanted, Reading& reading);
std::optional<bool> as_boolean(const toml::node& node, const std::string& key, Reading& reading);
std::optional<std::string> as_text(const toml::node& node, const std::string& key,
                                   const std::string& wanted, Reading& reading);
const toml::array* as_list(const toml::node& node, const std::string& key,
                           const std::string& wanted, Reading& reading);

/// Reports a word that is not among `names`, with the nearest one.
void report_choice(const toml::node& node, const std::string& key, const std::string& word,
                   std::span<const std::string_view> names, Reading& reading);

[[nodiscard]] std::string in_quotes(std::string_view text);

/// One of an enumeration's values and its name in the file.
template <class E>
struct Choice {
    E value;
    std::string_view name;
};

template <class E>
std::string_view name_of(std::span<const Choice<E>> choices, E value) {
    for (const Choice<E>& choice : choices) {
        if (choice.value == value) {
            return choice.name;
        }
    }
    return {};
}

template <class E>
std::vector<std::string_view> names_of(std::span<const Choice<E>> choices) {
    std::vector<std::string_view> names;
    for (const Choice<E>& choice : choices) {
        names.push_back(choice.name);
    }
    return names;
}

/// Least and most that a number may be, both included.
struct Range {
    std::int64_t least;
    std::int64_t most;
};

/// One key: what people are told of it, and how it gets into its section's struct.
template <class S>
struct Key {
    std::string name;
    std::string type;
    std::string unit;         ///< Empty where there is none.
    std::string range;        ///< Empty where the type says it all.
    std::string default_text; ///< As the file would have it, or in words.
    std::string text;
    bool required = false;
    std::string only_for; ///< The one service that knows the key; empty: all.
    std::function<void(const toml::node&, const std::string& key, S&, Reading&)> read;

    Key& must() {
        required = true;
        default_text.clear();
        return *this;
    }
    Key& by_default(std::string words) {
        default_text = std::move(words);
        return *this;
    }
    Key& for_service(std::string service) {
        only_for = std::move(service);
        return *this;
    }
};

template <class T>
struct Unwrapped {
    using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
    using type = T;
};
template <class T>
using unwrapped = typename Unwrapped<T>::type;

/// A section: its name, what it is about, and its keys in the order of the reference.
template <class S>
class Section {
  public:
    Section(std::string section_name, bool is_repeated, std::string meaning)
        : name{std::move(section_name)}, repeated{is_repeated}, text{std::move(meaning)} {}

    template <class T, class O>
    Key<S>& integer(std::string key_name, T O::*member, Range range, std::string unit,
                    std::string meaning) {
        Key<S>& key = add(std::move(key_name), "integer", std::move(meaning));
        key.unit = std::move(unit);
        key.range = fmt::format("{} to {}", range.least, range.most);
        if constexpr (std::is_same_v<T, unwrapped<T>>) {
            key.default_text = fmt::format("{}", S{}.*member);
        }
        key.read = [member, range, unit = key.unit](const toml::node& node, const std::string& path,
                                                    S& into, Reading& reading) {
            if (const auto value = in_range(node, path, range, unit, reading)) {
                into.*member = static_cast<unwrapped<T>>(*value);
            }
        };
        return key;
    }

    /// An integer that counts `Unit`s of time.
    template <class Unit, class T, class O>
    Key<S>& duration(std::string key_name, T O::*member, Range range, std::string unit,
                     std::string meaning) {
        Key<S>& key = add(std::move(key_name), "integer", std::move(meaning));
        key.unit = std::move(unit);
        key.range = fmt::format("{} to {}", range.least, range.most);
        if constexpr (std::is_same_v<T, Duration>) {
            key.default_text =
                fmt::format("{}", std::chrono::duration_cast<Unit>(S{}.*member).count());
        }
        key.read = [member, range, unit = key.unit](const toml::node& node, const std::string& path,
                                                    S& into, Reading& reading) {
            if (const auto value = in_range(node, path, range, unit, reading)) {
                into.*member = Duration{Unit{*value}};
            }
        };
        return key;
    }

    template <class O>
    Key<S>& boolean(std::string key_name, bool O::*member, std::string meaning) {
        Key<S>& key = add(std::move(key_name), "boolean", std::move(meaning));
        key.default_text = S{}.*member ? "true" : "false";
        key.read = [member](const toml::node& node, const std::string& path, S& into,
                            Reading& reading) {
            if (const auto value = as_boolean(node, path, reading)) {
                into.*member = *value;
            }
        };
        return key;
    }

    Key<S>& string(std::string key_name, std::string S::*member, std::string meaning) {
        Key<S>& key = add(std::move(key_name), "string", std::move(meaning));
        key.default_text = in_quotes(S{}.*member);
        key.read = [member](const toml::node& node, const std::string& path, S& into,
                            Reading& reading) {
            if (auto value = as_text(node, path, "a string in quotes", reading)) {
                into.*member = std::move(*value);
            }
        };
        return key;
    }

    /// `names` lives as long as the program.
    template <class T, class O, class E, std::size_t N>
    Key<S>& choice(std::string key_name, T O::*member, const std::array<Choice<E>, N>& names,
                   std::string meaning) {
        const std::span<const Choice<E>> choices{names};
        Key<S>& key = add(std::move(key_name), "string", std::move(meaning));
        for (const Choice<E>& each : choices) {
            key.range += (key.range.empty() ? "" : ", ") + in_quotes(each.name);
        }
        if constexpr (std::is_same_v<T, E>) {
            key.default_text = in_quotes(name_of(choices, S{}.*member));
        }
        key.read = [member, choices, wanted = "one of " + key.range](
                       const toml::node& node, const std::string& path, S& into, Reading& reading) {
            const auto word = as_text(node, path, wanted, reading);
            if (!word) {
                return;
            }
            for (const Choice<E>& each : choices) {
                if (each.name == *word) {
                    into.*member = each.value;
                    return;
                }
            }
            report_choice(node, path, *word, names_of(choices), reading);
        };
        return key;
    }

    /// A text with a meaning of its own, read by `parse`.
    template <class T, class Parse>
    Key<S>& parsed(std::string key_name, T S::*member, std::string type, Parse parse,
                   std::string meaning) {
        Key<S>& key = add(std::move(key_name), std::move(type), std::move(meaning));
        key.read = [member, parse, wanted = key.type](
                       const toml::node& node, const std::string& path, S& into, Reading& reading) {
            if (auto value = parsed_text(node, path, wanted, parse, reading)) {
                into.*member = std::move(*value);
            }
        };
        return key;
    }

    /// A list of such texts; one may stand for several values.
    template <class T, class Parse>
    Key<S>& parsed_list(std::string key_name, std::vector<T> S::*member, std::string element,
                        Parse parse, std::string meaning) {
        Key<S>& key = list(std::move(key_name), "list of " + element, std::move(meaning));
        key.read = [member, parse, wanted = key.type](
                       const toml::node& node, const std::string& path, S& into, Reading& reading) {
            each(node, path, wanted, reading, [&](const toml::node& item, const std::string& at) {
                if (auto value = parsed_text(item, at, "a string in quotes", parse, reading)) {
                    append(into.*member, std::move(*value));
                }
            });
        };
        return key;
    }

    Key<S>& integer_list(std::string key_name, std::vector<std::uint32_t> S::*member, Range range,
                         std::string meaning) {
        Key<S>& key = list(std::move(key_name), "list of integers", std::move(meaning));
        key.range = fmt::format("each {} to {}", range.least, range.most);
        key.read = [member, range](const toml::node& node, const std::string& path, S& into,
                                   Reading& reading) {
            each(node, path, "list of integers", reading,
                 [&](const toml::node& item, const std::string& at) {
                     if (const auto value = in_range(item, at, range, "", reading)) {
                         (into.*member).push_back(static_cast<std::uint32_t>(*value));
                     }
                 });
        };
        return key;
    }

    [[nodiscard]] const Key<S>* find(std::string_view key_name) const {
        for (const Key<S>& key : keys) {
            if (key.name == key_name) {
                return &key;
            }
        }
        return nullptr;
    }

    std::string name; ///< "tcp.time_wait"
    bool repeated;    ///< [[name]]: one for each.
    std::string text;
    std::vector<Key<S>> keys;

  private:
    Key<S>& add(std::string key_name, std::string type, std::string meaning) {
        Key<S> key;
        key.name = std::move(key_name);
        key.type = std::move(type);
        key.text = std::move(meaning);
        return keys.emplace_back(std::move(key));
    }

    template <class T>
    static void append(std::vector<T>& values, T value) {
        values.push_back(std::move(value));
    }
    template <class T>
    static void append(std::vector<T>& values, std::vector<T> more) {
        values.insert(values.end(), more.begin(), more.end());
    }

    Key<S>& list(std::string key_name, std::string type, std::string meaning) {
        Key<S>& key = add(std::move(key_name), std::move(type), std::move(meaning));
        key.default_text = "[]";
        return key;
    }

    static std::optional<std::int64_t> in_range(const toml::node& node, const std::string& path,
                                                Range range, const std::string& unit,
                                                Reading& reading) {
        const std::string wanted =
            fmt::format("an integer from {} to {}{}", range.least, range.most,
                        unit.empty() ? std::string{} : " (" + unit + ")");
        const auto value = as_integer(node, path, wanted, reading);
        if (value && (*value < range.least || *value > range.most)) {
            reading.error(node, path, fmt::format("{} is out of range", *value), "write " + wanted);
            return std::nullopt;
        }
        return value;
    }

    template <class Parse>
    static auto parsed_text(const toml::node& node, const std::string& path,
                            const std::string& wanted, const Parse& parse, Reading& reading)
        -> decltype(parse(std::string_view{}).value) {
        const auto text = as_text(node, path, wanted, reading);
        if (!text) {
            return std::nullopt;
        }
        auto result = parse(*text);
        if (!result.value) {
            reading.error(node, path, std::move(result.problem), std::move(result.remedy));
        }
        return std::move(result.value);
    }

    template <class F>
    static void each(const toml::node& node, const std::string& path, const std::string& wanted,
                     Reading& reading, const F& visit) {
        const toml::array* list = as_list(node, path, "a " + wanted + " in [ ]", reading);
        if (list == nullptr) {
            return;
        }
        std::size_t index = 0;
        for (const toml::node& item : *list) {
            const std::string at = fmt::format("{}[{}]", path, index);
            reading.remember(at, item);
            visit(item, at);
            ++index;
        }
    }
};

/// Every section there is.
struct Schema {
    std::tuple<Section<EalConfig>, Section<WorkersConfig>, Section<PortConfig>, Section<TcpConfig>,
               Section<TimeWaitConfig>, Section<ListenConfig>, Section<tcp::Config>,
               Section<ListenTimeWaitConfig>, Section<ManagementConfig>, Section<LogConfig>>
        sections;

    template <class S>
    [[nodiscard]] const Section<S>& of() const {
        return std::get<Section<S>>(sections);
    }

    /// Calls `visit` with each section, in the order of the reference.
    template <class F>
    void each(const F& visit) const {
        std::apply([&](const auto&... section) { (visit(section), ...); }, sections);
    }
};

[[nodiscard]] const Schema& schema();

/// What is wrong between keys, each of which is right by itself.
void check(Config& config, Reading& reading);

} // namespace millrace::runtime::schema
