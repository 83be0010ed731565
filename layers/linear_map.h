#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "layers/layer.h"
#include "layers/model.h"

namespace cutaway {

/// Where a linear map is used: geometries of dense tensors x and y = A x, known when a plan is
/// built.
struct LinearGeometry {
  Device device;
  int threads{1};
  CpuLevel level{};  ///< whose CPU kernels run
  ValueSpec x, y;    ///< dense (no slices)
  const kernels::EngineOptions* engines{};
};

/// A layer's linear map y = A(w) x + b with weights of the caller's choosing: all that a rule of
/// relevance propagation needs of a layer. Made once for a step of a plan; holds no weights and
/// allocates nothing outside load().
class LinearMap {
 public:
  /// Weights made ready for apply() and adjoint().
  struct Weights {
    const float* plain{};  ///< shaped like the layer's own, on the stream's device
    WeightCache::Entry owner, forward, adjoint;
  };

  virtual ~LinearMap() = default;
  [[nodiscard]] virtual std::size_t scratch_bytes() const { return 0; }
  /// Transforms `plain` where an engine wants that; shared through the cache under `key`, which
  /// names weights and version. `owner` is the memory behind `plain` if nobody else keeps it; it is
  /// kept while it is needed.
  [[nodiscard]] virtual Weights load(Stream&,
                                     const float* plain,
                                     WeightCache::Entry owner,
                                     WeightCache&,
                                     const std::string& /*key*/) const {
    return {plain, std::move(owner), {}, {}};
  }
  /// y = A(w) x + b; `bias` (one float an output channel) may be null.
  virtual void apply(Stream& stream,
                     const Weights& w,
                     const float* bias,
                     View<const float> x,
                     View<float> y,
                     std::byte* scratch) const = 0;
  /// x = A(w)' y.
  virtual void adjoint(Stream& stream,
                       const Weights& w,
                       View<const float> y,
                       View<float> x,
                       std::byte* scratch) const = 0;
};

}  // namespace cutaway
