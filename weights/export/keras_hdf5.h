#pragma once

#include <string>

#include "weights/package.h"

namespace cutaway::weights {

/// Writes the parameters as Keras' weights-only HDF5 (model.load_weights in Keras 2 and 3, channels
/// last): a group a layer with parameters, attributes layer_names and weight_names, kernels H x W x
/// I x O, fully connected I x O with the features of flattened maps in H, W, C order, depthwise
/// kernels H x W x I x multiplier, batch normalisation gamma, beta, moving_mean, moving_variance. A
/// layer's name is the node's; a '/' in it becomes '_'. Atomic; equal packages give equal bytes.
/// Throws kInput when it cannot be written or two names collide; kUnsupported where flattened maps
/// reach a layer that is not fully connected.
void export_keras_hdf5(const Package& package, const std::string& path);

}  // namespace cutaway::weights
