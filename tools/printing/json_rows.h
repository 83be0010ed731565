#pragma once

#include <cstdint>
#include <string>

#include "tools/program/output.h"

namespace cutaway::tools {

/// A JSON object on standard output whose first member is a list that is written row by row, as
/// results come: of a million pictures it would fill the memory. What is known only at the end
/// stands at its end.
class JsonRows {
 public:
  explicit JsonRows(std::string name) : name_(std::move(name)) {}

  void row(const Json& json);
  /// The members behind the list, at least one.
  void finish(const Json& end) const;

 private:
  [[nodiscard]] std::string opening() const { return "{\n  \"" + name_ + "\": ["; }

  std::string name_;
  std::int64_t rows_{0};
};

}  // namespace cutaway::tools
