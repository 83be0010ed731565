#pragma once

#include <span>
#include <string>

#include "weights/xxh64.h"

namespace cutaway::weights {

/// Mean, standard deviation and checksum of values, as a row of the report shows them.
struct ValueSummary {
  double mean{0}, deviation{0};
  std::string checksum;
  bool finite{true};
};
[[nodiscard]] ValueSummary summarize(std::span<const float> values);

/// The same of values that come in pieces.
class Summary {
 public:
  void add(std::span<const float> values);
  [[nodiscard]] ValueSummary finish() const;

 private:
  double count_{0}, origin_{0}, sum_{0}, squares_{0};  // of differences from the first value
  Xxh64 hash_;
};

}  // namespace cutaway::weights
