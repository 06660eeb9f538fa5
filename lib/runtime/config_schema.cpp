#include "config_schema.hpp"

#include "nearest.hpp"

#include <algorithm>

namespace millrace::runtime::schema {

namespace {

std::string_view type_in_words(const toml::node& node) {
    switch (node.type()) {
    case toml::node_type::none:
        return "nothing";
    case toml::node_type::table:
        return "a section";
    case toml::node_type::array:
        return "a list";
    case toml::node_type::string:
        return "a string";
    case toml::node_type::integer:
        return "an integer";
    case toml::node_type::floating_point:
        return "a number with a fraction";
    case toml::node_type::boolean:
        return "a boolean";
    case toml::node_type::date:
        return "a date";
    case toml::node_type::time:
        return "a time of day";
    case toml::node_type::date_time:
        return "a date and time";
    }
    return "something else";
}

void report_type(const toml::node& node, const std::string& key, std::string_view wanted_type,
                 const std::string& wanted, Reading& reading) {
    reading.error(node, key, fmt::format("is {}, not {}", type_in_words(node), wanted_type),
                  "write " + wanted);
}

/// Why a host cannot have this address, or nothing.
template <class Addr>
std::string_view unfit_for_a_host(const wire::Prefix<Addr>& prefix) {
    const Addr& address = prefix.address;
    if (address.is_unspecified()) {
        return "is the unspecified address";
    }
    if (address.is_multicast()) {
        return "is a multicast address";
    }
    if (address.is_loopback()) {
        return "is a loopback address";
    }
    if (prefix.length == 0) {
        return "has a prefix length of 0";
    }
    if constexpr (std::is_same_v<Addr, wire::Ipv4Addr>) {
        if (address.is_broadcast() || wire::is_directed_broadcast(prefix, address)) {
            return "is the broadcast address of its network";
        }
        const std::uint64_t host_mask = (std::uint64_t{1} << (Addr::bits - prefix.length)) - 1;
        if (prefix.length < 31 && (address.value() & host_mask) == 0) {
            return "is the address of the network itself";
        }
    }
    return {};
}

} // namespace

void Reading::error(const toml::node& where, std::string key, std::string problem,
                    std::string remedy) {
    errors.push_back({origin.file, where.source().begin.line, std::move(key), std::move(problem),
                      std::move(remedy)});
}

void Reading::remember(const std::string& key, const toml::node& where) {
    origin.lines[key] = where.source().begin.line;
}

bool Reading::failed(std::string_view key) const {
    return std::any_of(errors.begin(), errors.end(), [&](const ConfigError& error) {
        return error.key.starts_with(key) &&
               (error.key.size() == key.size() || error.key[key.size()] == '.' ||
                error.key[key.size()] == '[');
    });
}

std::string in_quotes(std::string_view text) {
    return fmt::format("\"{}\"", text);
}

Parsed<std::vector<IpPrefix>> parse_port_addresses(std::string_view text) {
    auto prefixes = prefixes_from_string(text, port_addresses_max);
    if (auto* const error = std::get_if<TextError>(&prefixes)) {
        return {{}, std::move(error->problem), std::move(error->remedy)};
    }
    auto& all = std::get<std::vector<IpPrefix>>(prefixes);
    for (const IpPrefix& each : all) {
        const std::string_view unfit =
            std::visit([](const auto& prefix) { return unfit_for_a_host(prefix); }, each);
        if (!unfit.empty()) {
            const std::string of_many =
                all.size() > 1 ? ": " + to_string(address_of(each)) : std::string{};
            return {{},
                    fmt::format("{}{} {}", in_quotes(text), of_many, unfit),
                    R"(write a host's address, as "198.18.0.2/24" or "2001:db8::2/64")"};
        }
    }
    return {std::move(all), {}, {}};
}

Parsed<IpAddr> parse_plain_address(std::string_view text) {
    if (const auto address = ip_from_string(text)) {
        return {address, {}, {}};
    }
    const std::string_view before = text.substr(0, text.find('/'));
    if (before != text && ip_from_string(before)) {
        return {{},
                in_quotes(text) + " has a prefix length, which has no meaning here",
                "write " + in_quotes(before)};
    }
    return {{},
            in_quotes(text) + " is not an address",
            R"(write one as "198.18.0.2" or "2001:db8::2")"};
}

Parsed<wire::MacAddr> parse_mac(std::string_view text) {
    const auto mac = wire::MacAddr::from_string(text);
    if (!mac) {
        return {{},
                in_quotes(text) + " is not a MAC address",
                R"(write six pairs of hex digits, as "02:00:00:00:00:01")"};
    }
    if (mac->is_multicast() || mac->is_unspecified()) {
        return {{},
                in_quotes(text) + " cannot be a port's address",
                R"(write a unicast address, as "02:00:00:00:00:01")"};
    }
    return {mac, {}, {}};
}

std::optional<std::int64_t> as_integer(const toml::node& node, const std::string& key,
                                       const std::string& wanted, Reading& reading) {
    if (const auto* integer = node.as_integer()) {
        return integer->get();
    }
    report_type(node, key, "an integer", wanted, reading);
    return std::nullopt;
}

std::optional<bool> as_boolean(const toml::node& node, const std::string& key, Reading& reading) {
    if (const auto* boolean = node.as_boolean()) {
        return boolean->get();
    }
    report_type(node, key, "a boolean", "true or false, without quotes", reading);
    return std::nullopt;
}

std::optional<std::string> as_text(const toml::node& node, const std::string& key,
                                   const std::string& wanted, Reading& reading) {
    if (const auto* text = node.as_string()) {
        return text->get();
    }
    report_type(node, key, "a string", wanted, reading);
    return std::nullopt;
}

const toml::array* as_list(const toml::node& node, const std::string& key,
                           const std::string& wanted, Reading& reading) {
    if (const auto* list = node.as_array()) {
        return list;
    }
    report_type(node, key, "a list", wanted, reading);
    return nullptr;
}

void report_choice(const toml::node& node, const std::string& key, const std::string& word,
                   std::span<const std::string_view> names, Reading& reading) {
    const std::string_view near = nearest(word, names);
    std::string remedy = "write " + quoted_choices(names);
    if (!near.empty()) {
        remedy = fmt::format("did you mean {}? It is {}", in_quotes(near), quoted_choices(names));
    }
    reading.error(node, key, in_quotes(word) + " is not known", std::move(remedy));
}

} // namespace millrace::runtime::schema
