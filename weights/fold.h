#pragma once

#include "layers/model.h"

namespace cutaway::weights {

/// The same function with every batch normalisation that directly follows a convolution (and is its
/// only consumer) folded into it, in double precision:
///   w'[o] = w[o] * r,  b'[o] = beta[o] + (b[o] - mean[o]) * r,
///   r = gamma[o] / sqrt(variance[o] + eps).
/// The convolution keeps its name and gains a bias; the normalisation's name and aliases become
/// aliases of it. Other normalisations stay. Throws kInput when a variance + eps is not positive.
[[nodiscard]] Model fold_batch_norm(const Model& model);

}  // namespace cutaway::weights
