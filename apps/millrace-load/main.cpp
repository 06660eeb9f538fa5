#include "exit_code.hpp"
#include "options.hpp"
#include "run.hpp"

#include <cstdio>
#include <exception>
#include <variant>

int main(int argc, char** argv) {
    using namespace millrace;
    using namespace millrace::load;
    try {
        const auto read = read_command_line({argv + 1, argv + argc});
        if (const int* const code = std::get_if<int>(&read)) {
            return *code;
        }
        return run(std::get<Options>(read));
    } catch (const UsageError& error) {
        std::fprintf(stderr, "millrace-load: %s\n", error.what());
        return exit_not_started;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "millrace-load: %s\n", error.what());
        return exit_failed;
    }
}
