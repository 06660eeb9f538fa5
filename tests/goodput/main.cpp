// D5.newreno, D5.cubic: what a transfer achieves on thirty paths with each of two
// congestion controls, against the golden table beside this file.

#include "table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace millrace::goodput;

namespace {

std::string read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Measures simulated goodput, in virtual time, against the golden table."};
    std::string file;
    bool write = false;
    app.add_option("table", file, "the table")->required();
    app.add_flag("--write", write, "writes the table anew");
    CLI11_PARSE(app, argc, argv);

    std::vector<Row> rows = paths();
    for (Row& row : rows) {
        measure(row);
    }
    if (write) {
        std::ofstream out{file};
        out << to_text(rows);
        out.close();
        return out ? 0 : 1;
    }
    const std::string changed = what_changed(from_text(read(file)), rows);
    if (!changed.empty()) {
        fmt::print("{}", to_text(rows));
        fmt::print("\nOther than {} says:\n{}\nWhat is better is kept by goodput --write {}.\n",
                   file, changed, file);
        return 1;
    }
    fmt::print("{} cells, each within a tenth of the table\n", rows.size() * 2);
    return 0;
}
