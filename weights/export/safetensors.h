#pragma once

#include <string>

#include "weights/package.h"

namespace cutaway::weights {

/// Writes the parameters as safetensors, float32, under PyTorch's names: <node>.weight, .bias,
/// .running_mean, .running_var, a '/' in a node's name as '.'; convolutions O x I/groups x kh x kw,
/// fully connected O x I, vectors C. The metadata hold "format": "pt", the graph as JSON
/// (weights/graph_json.h) and the preprocessing. Atomic; equal packages give equal bytes. Throws
/// kInput when it cannot be written or two names collide.
void export_safetensors(const Package& package, const std::string& path);

}  // namespace cutaway::weights
