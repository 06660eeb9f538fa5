#include "options.hpp"
#include "run.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <variant>

int main(int argc, char** argv) {
    using namespace millrace::load;
    constexpr int not_good = 1;
    constexpr int not_started = 2;
    try {
        const auto read = read_command_line({argv + 1, argv + argc});
        if (const int* const code = std::get_if<int>(&read)) {
            return *code;
        }
        return run(std::get<Options>(read));
    } catch (const UsageError& error) {
        fmt::print(stderr, "millrace-load: {}\n", error.what());
        return not_started;
    } catch (const std::exception& error) {
        fmt::print(stderr, "millrace-load: {}\n", error.what());
        return not_good;
    }
}
