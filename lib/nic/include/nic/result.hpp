#pragma once

#include "base/assert.hpp"

#include <string>
#include <utility>
#include <variant>

namespace millrace::nic {

/// Why something could not be had: one sentence that names the device and the remedy.
struct Error {
    std::string message;
};

/// A value, or why there is none. For start-up, never for the packet path.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : held_{std::in_place_index<0>, std::move(value)} {}
    Result(Error error) : held_{std::in_place_index<1>, std::move(error)} {}

    explicit operator bool() const { return held_.index() == 0; }

    [[nodiscard]] T& value() {
        MILLRACE_ASSERT(held_.index() == 0);
        return *std::get_if<0>(&held_);
    }
    [[nodiscard]] const Error& error() const {
        MILLRACE_ASSERT(held_.index() == 1);
        return *std::get_if<1>(&held_);
    }

  private:
    std::variant<T, Error> held_;
};

/// Done, or why not.
using Status = Result<std::monostate>;

inline Status success() {
    return std::monostate{};
}

} // namespace millrace::nic
