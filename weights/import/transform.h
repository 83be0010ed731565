#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "layers/layer.h"

namespace cutaway::weights {

using Extents = std::vector<std::int64_t>;

/// "64x3x7x7"; "scalar" without extents.
[[nodiscard]] std::string text_of(const Extents& extents);
/// Number of elements; throws kInput when an extent is negative or the product passes 2^40.
[[nodiscard]] std::int64_t count_of(const Extents& extents);

/// How a source tensor becomes a parameter, in this order: axes, kernel flip, feature order, colour
/// swap, factor.
struct Transform {
  /// Axis i of the result is axis axes[i] of the source; empty: as they are.
  std::vector<std::size_t> axes{};
  /// The last two axes run backwards (kernels of a true convolution, as Theano had them).
  bool flip{false};
  /// The last axis counts features in H, W, C order (TensorFlow's flatten) of these extents {H, W,
  /// C} and is put into C, H, W order. Zeros: no.
  std::array<std::int64_t, 3> hwc{};
  /// The second axis, the input channels of a first convolution, runs backwards: BGR <-> RGB.
  bool swap_channels{false};
  float factor{1.0F};

  [[nodiscard]] bool identity() const {
    return axes.empty() && !flip && hwc[0] == 0 && !swap_channels && factor == 1.0F;
  }
  friend bool operator==(const Transform&, const Transform&) = default;
};

/// The transform that `text` names: "HWIO->OIHW", "IO->OI", ... : letters of axes before and after.
/// Throws kUsage when they are not permutations of each other.
[[nodiscard]] Transform transform_between(const std::string& text);

/// For the report: "as is", "axes 3,2,0,1", "axes 1,0; features HWC -> CHW (7x7x512)".
[[nodiscard]] std::string describe(const Transform& t);

/// The extents a source tensor must have to become `result` by `t`.
[[nodiscard]] Extents source_extents(const Transform& t, const Extents& result);

/// Applies `t` to a tensor of those extents. `to` has as many elements as `from`; they may not
/// overlap.
void apply(const Transform& t,
           const Extents& extents,
           std::span<const float> from,
           std::span<float> to);

/// The part of `t` that moves nothing to another row of the result, which comes last: kernel flip,
/// colour swap, factor. `values` are whole rows of the result, `extents` theirs.
void apply_within_rows(const Transform& t, const Extents& extents, std::span<float> values);

/// The extents under which a parameter may arrive (after the axes were permuted), the usual one
/// first: vectors C, 1xC, 1x1x1xC, 1xCx1x1; fully connected OxI, 1x1xOxI, OxIx1x1; convolutions
/// OxIxkhxkw.
[[nodiscard]] std::vector<Extents> parameter_extents(LayerKind kind, const ParameterSpec& spec);

}  // namespace cutaway::weights
