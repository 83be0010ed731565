#pragma once

#include <cstdint>

#include "layers/model.h"

namespace cutaway {

/// How weights start before training; normal distributions, biases 0, scales of normalisation 1.
enum class InitialWeights : std::uint8_t {
  kHe,       ///< std = sqrt(2 / fan_in) (He et al. 2015)
  kXavier,   ///< std = sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)
  kGaussian  ///< std = 0.01 (Krizhevsky et al. 2012, Zeiler & Fergus 2014)
};

/// Standard deviation of a weight of `shape` (O x I/groups x kh x kw): fan_in = I/groups kh kw,
/// fan_out = O kh kw.
[[nodiscard]] double initial_deviation(InitialWeights how, const Shape& shape);

/// All parameters of `graph`, drawn from `seed`. All ways draw the same numbers and differ in their
/// scale.
[[nodiscard]] Parameters initial_parameters(const Graph& graph,
                                            InitialWeights how,
                                            std::uint64_t seed);

}  // namespace cutaway
