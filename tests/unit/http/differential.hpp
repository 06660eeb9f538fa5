#pragma once

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

/// What it takes to compare a parser with Boost.Beast's.
namespace millrace::http::test {

inline std::string_view view(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

inline std::string lower_case(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// Counts in the process's one test how often each named difference was met.
class Differences {
  public:
    void met(const char* name) { ++counts_[name]; }
    /// How many there are, each of which is printed with `what`.
    [[nodiscard]] std::size_t print(const char* what) const {
        for (const auto& [name, count] : counts_) {
            std::printf("%8u %s: %s\n", count, what, name.c_str());
        }
        return counts_.size();
    }

  private:
    std::map<std::string, unsigned> counts_;
};

} // namespace millrace::http::test
