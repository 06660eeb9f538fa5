#pragma once

#include "base/assert.hpp"

#include <algorithm>
#include <vector>

/// A property that no input may break; breaking it ends the process, which the fuzzer reports.
#define FUZZ_CHECK(condition) MILLRACE_ASSERT(condition)
