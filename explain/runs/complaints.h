#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cutaway::explain {

/// What every run over pictures counts of failures.
struct Complaints {
  /// Failures that are named; the others are only counted.
  static constexpr std::size_t kMost = 1000;
  std::int64_t count{0};
  std::vector<std::pair<std::string, std::string>> named;  ///< file, why

  void add(const std::string& name, const std::string& why) {
    ++count;
    if (named.size() < kMost) named.emplace_back(name, why);
  }
};

}  // namespace cutaway::explain
