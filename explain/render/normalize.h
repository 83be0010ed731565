#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// The interval of data that a colour map spans: `low` gets the first entry, `high` the last.
struct Limits {
  float low{0}, high{0};
  friend constexpr bool operator==(const Limits&, const Limits&) = default;
};

/// How the limits are found. Values beyond the limits are clipped.
enum class NormKind : std::uint8_t {
  kMinMax,      ///< (v - min) / (max - min)
  kPositive,    ///< max(v, 0) / max: `posnorm`
  kSymmetric,   ///< 0.5 + v / (2 s + 1e-10), s = max |v|, or its quantile where quantile < 1: `sym`
  kStdSquash,   ///< 0.5 + 0.1 (v - mean) / (std + 1e-5), population std: `std-squash`
  kPercentile,  ///< (v - min) / (P - min), P the quantile of v: `pct99`
  kFixed        ///< (v - low) / (high - low), limits given by the caller
};

/// A rule of normalisation with its parameters.
struct Normalization {
  NormKind kind{NormKind::kMinMax};
  /// In (0, 1]; read by kSymmetric (of |v|; 1 = maximum) and kPercentile (of v). Where the quantile
  /// leaves no interval although the data has one (a map that is nearly all zero), the maximum is
  /// used.
  double quantile{1.0};
  Limits fixed{};

  static Normalization min_max() { return {}; }
  static Normalization positive() { return {NormKind::kPositive, 1.0, {}}; }
  static Normalization symmetric(double q = 1.0) { return {NormKind::kSymmetric, q, {}}; }
  static Normalization std_squash() { return {NormKind::kStdSquash, 1.0, {}}; }
  static Normalization percentile(double q = 0.99) { return {NormKind::kPercentile, q, {}}; }
  static Normalization fixed_limits(Limits limits) { return {NormKind::kFixed, 1.0, limits}; }
};

/// A map brought to [0, 1].
struct Normalized {
  std::vector<float> values;  ///< same order as the map; each in [0, 1], never NaN
  Limits limits;              ///< the data values that became 0 and 1
  /// Nothing to show: constant (kMinMax, kPercentile, kStdSquash), nowhere positive (kPositive),
  /// all zero (kSymmetric), or some value NaN or infinite. `values` are then all 0 (0.5, the colour
  /// of zero, for a kSymmetric map without NaN) and `why` says which, for the caller's warning.
  bool degenerate{false};
  std::string why;
};

/// Normalises one map. Throws kShape on a bad map, kUsage on a quantile outside (0, 1] or on fixed
/// limits that are not finite with low < high.
[[nodiscard]] Normalized normalize(const Map& map, const Normalization& rule);

/// The limits `rule` finds over all the values of all the maps, so that several pictures share one
/// scale: pass them on as Normalization::fixed_limits. NaN and infinities are skipped. Where the
/// data leaves no interval the result has low = high. Throws like normalize; kShape when there is
/// no map.
[[nodiscard]] Limits shared_limits(std::span<const Map> maps, const Normalization& rule);

/// The quantile of type 7: linear interpolation at position (N - 1) q of the sorted values; q in
/// [0, 1]. Throws kUsage on another q, kShape when there are no values. Values must not be NaN.
[[nodiscard]] double quantile(std::span<const float> values, double q);

}  // namespace cutaway::explain
