#include "config_schema.hpp"

namespace millrace::runtime {

namespace {

constexpr std::string_view opening =
    R"(# Configuration

Printed by `millraced --explain-config` from the table that the program reads files by.

A configuration is a TOML file. A section in two brackets may stand any number of times, once for each
port or listener. A key that is left out has its default; one that is not in this list is an error.
`millraced --config FILE --check` says whether a file is right.
)";

template <class S>
std::string describe(const schema::Key<S>& key) {
    std::string facts = key.type;
    if (!key.range.empty()) {
        facts += ", " + key.range;
    }
    if (!key.unit.empty()) {
        facts += " " + key.unit;
    }
    facts += key.required ? "; required" : "; default " + key.default_text;
    if (!key.only_for.empty()) {
        facts += "; for the service " + schema::in_quotes(key.only_for);
    }
    return fmt::format("- **`{}`** ({})  \n  {}\n", key.name, facts, key.text);
}

} // namespace

std::string config_reference() {
    std::string text{opening};
    schema::schema().each([&](const auto& section) {
        const std::string heading =
            section.repeated ? "[[" + section.name + "]]" : "[" + section.name + "]";
        text += fmt::format("\n## `{}`\n\n{}\n\n", heading, section.text);
        for (const auto& key : section.keys) {
            text += describe(key);
        }
    });
    return text;
}

} // namespace millrace::runtime
