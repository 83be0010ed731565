#include "weights/import/summary.h"

#include <libdeflate.h>

#include <algorithm>
#include <cmath>

#include "kernels/vector_sums.h"
#include "weights/xxh64.h"

namespace cutaway::weights {
namespace {
// Floats of which sums and checksum are taken one after the other: they stay in the nearest cache.
constexpr std::size_t kTogether = 4096;
}  // namespace

void Summary::add(std::span<const float> values) {
  if (values.empty()) return;
  if (count_ == 0) origin_ = double{values[0]};
  for (; values.size() > kTogether; values = values.subspan(kTogether))
    add_together(values.first(kTogether));
  add_together(values);
}

void Summary::add_together(std::span<const float> values) {
  kernels::add_deviations(values, origin_, sum_, squares_);
  count_ += static_cast<double>(values.size());
  crc_ = libdeflate_crc32(crc_, values.data(), values.size_bytes());
}

ValueSummary Summary::finish() const {
  const double count = std::max(1.0, count_);
  ValueSummary s;
  s.mean = origin_ + sum_ / count;
  s.deviation = std::sqrt(std::max(0.0, squares_ / count - (sum_ / count) * (sum_ / count)));
  s.finite = std::isfinite(squares_) && std::isfinite(origin_);
  s.checksum = hex(crc_).substr(8);
  return s;
}

ValueSummary summarize(std::span<const float> values) {
  Summary summary;
  summary.add(values);
  return summary.finish();
}

}  // namespace cutaway::weights
