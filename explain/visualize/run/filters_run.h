#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/visualize/filters.h"

namespace cutaway::explain {

/// What `cutaway filters` is to do.
struct FiltersJob {
  std::string model;
  std::string layer;              ///< a convolution; empty: the first that reads the pixels
  std::string out;                ///< a PNG file; empty: no picture
  std::vector<std::string> data;  ///< pictures to look for silent filters; as UnitsJob::data
  FilterScale scale{FilterScale::kEach};
  int magnify{6};         ///< pixels a weight
  bool overwrite{false};  ///< `out` may be there
};

struct FiltersSummary {
  std::string layer;
  std::vector<FilterReport> filters;  ///< dead: or silent
  /// A filter each: its rectified answer is 0 on all of the data (the "dead" ones of Zeiler & Fergus
  /// 2013, figure 6). Empty without data.
  std::vector<bool> silent;
  std::array<double, 3> spectrum{};  ///< mean of FilterReport::spectrum
  std::int64_t dead{0};
};

/// Draws and reports the filters of a convolution. Throws kUsage, before anything is computed, when
/// `out` exists or is read, or the layer is no convolution.
[[nodiscard]] FiltersSummary run_filters(const FiltersJob& job, const RunContext& context);

}  // namespace cutaway::explain
