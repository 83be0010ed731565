#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cutaway::weights {

/// What the name of a variable in a Keras HDF5 file says.
struct KerasVariable {
  std::string layer;  ///< "block1_conv1"
  std::string role;   ///< "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"
  std::string inner;  ///< the group that holds the variable: of a model in a model, the layer in it
};

/// "/model_weights/block1_conv1/block1_conv1/kernel:0", "/block1_conv1/block1_conv1_W_1:0" and
/// their like, from Keras 1 and 2 and from Keras 3's legacy format: the first group (behind
/// model_weights) is the layer, the end of the dataset's name the role. Empty for names of another
/// form.
[[nodiscard]] std::optional<KerasVariable> keras_variable(const std::string& dataset);

/// The names under which Keras 3 stores the variables of the k-th layer of a model whose layers
/// have these classes (snake case): "layers/conv2d_1". Equal classes are counted in the order of
/// the model.
[[nodiscard]] std::vector<std::string> keras3_containers(const std::vector<std::string>& classes);

}  // namespace cutaway::weights
