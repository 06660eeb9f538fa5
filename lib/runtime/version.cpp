#include "runtime/version.hpp"

namespace millrace::runtime {

std::string_view version() {
    return MILLRACE_VERSION;
}

} // namespace millrace::runtime
