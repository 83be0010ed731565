#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "explain/pictures/image.h"
#include "layers/model.h"

/// The filters of a first convolution as pictures, and what is wrong with them (Zeiler & Fergus
/// 2013, figure 6).
namespace cutaway::explain {

struct FilterReport {
  double rms{0};     ///< root mean square of the weights
  bool dead{false};  ///< rms below 5 % of the median over the filters
  /// Share of the filter's energy (without its mean) at radial frequencies [0, 1/8), [1/8, 1/4),
  /// [1/4, infinity) cycles a pixel; all 0 for a constant filter.
  std::array<double, 3> spectrum{};
};

/// One report a filter of an O x I x kh x kw weight.
[[nodiscard]] std::vector<FilterReport> report_filters(const Tensor& weight);

enum class FilterScale : std::uint8_t {
  kEach,   ///< every filter on its own scale: shapes
  kGlobal  ///< one scale for all: a filter that dominates shows
};

/// Tiles of 0.5 + w / (2 max|w|) in ceil(sqrt(O)) columns, magnified, one pixel of white between;
/// one or three input channels (others: throws kUnsupported). `bgr`: the first channel is blue.
[[nodiscard]] Image draw_filters(const Tensor& weight,
                                 FilterScale scale,
                                 int magnification,
                                 bool bgr);

/// The first convolution that reads the pixels; throws kUnsupported when there is none.
[[nodiscard]] NodeId first_convolution(const Graph& graph);

}  // namespace cutaway::explain
