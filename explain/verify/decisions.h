#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/engine.h"
#include "layers/model.h"
#include "runtime/stream.h"

namespace cutaway::explain {

/// Outputs of layers to take instead of computing them, by node: plain CPU tensors of the batch.
using PinnedValues = std::map<NodeId, Tensor>;

/// A model that takes the outputs of some layers as given. The gradient through it is the model's
/// own, at those values: rectifiers pass and pooling windows choose as the values say.
class PinnedModel {
 public:
  /// Shares the model's parameters. A rectifier whose output is given is given it as its input,
  /// which decides the same; any other layer computes, and the layers behind it see the value.
  PinnedModel(const Model& model, const PinnedValues& values, Device device);

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  /// The node that computes the output of `node` of the original.
  [[nodiscard]] NodeId computing(NodeId node) const {
    return computing_.at(static_cast<std::size_t>(node));
  }
  /// The node whose output the layers behind `node` see.
  [[nodiscard]] NodeId seen(NodeId node) const { return seen_.at(static_cast<std::size_t>(node)); }

 private:
  Model model_;
  std::vector<NodeId> computing_, seen_;
};

/// What rectifiers and pooling windows decide: whether to pass, and which place to take.
struct Decisions {
  std::int64_t rectifiers{0}, windows{0};                ///< how many there are, over all images
  std::int64_t rectifiers_differ{0}, windows_differ{0};  ///< decided differently
};
/// Compares what the rectifiers and max-pooling windows of `graph` decide in two runs. `a` and `b`
/// hold the outputs of deciding_nodes(), plain CPU tensors.
[[nodiscard]] Decisions compare_decisions(const Graph& graph,
                                          const PinnedValues& a,
                                          const PinnedValues& b);
/// The rectifiers, and the inputs of the max-pooling layers, among the ancestors of `from`.
[[nodiscard]] std::vector<NodeId> deciding_nodes(const Graph& graph, NodeId from);

/// One run of a model: outputs of `taps`, and the gradients at `to` of the channel of `from` that
/// `targets` names for each image; plain CPU tensors.
struct RunRequest {
  Shape input;
  std::vector<NodeId> taps;
  NodeId from{-1};
  std::vector<NodeId> to;
  kernels::EngineOptions engines;
};
struct RunResult {
  PinnedValues values, gradients;
};
[[nodiscard]] RunResult run_model(const Model& model,
                                  const RunRequest& request,
                                  const Tensor& input,
                                  const std::vector<std::int64_t>& targets,
                                  const Stream& stream);

}  // namespace cutaway::explain
