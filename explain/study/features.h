#pragma once

#include <memory>
#include <vector>

#include "explain/evaluator.h"
#include "explain/network.h"

namespace cutaway::explain {

/// What a network computes at several layers, an image at a time.
class Features {
 public:
  /// The model must outlive this. Throws kUsage without layers. The observer of the resources hears
  /// the layers of every pass as "forward" and may cancel it.
  Features(const Model& model, std::vector<NodeId> layers, const Evaluator::Resources& resources);

  [[nodiscard]] const std::vector<NodeId>& layers() const noexcept { return layers_; }
  [[nodiscard]] const Graph& graph() const noexcept { return executor_->model().graph; }
  /// Of one image (1 x c x h x w of the network's input, plain): the output of each layer, plain,
  /// on the CPU.
  [[nodiscard]] std::vector<Tensor> of(const Tensor& image);

 private:
  std::vector<NodeId> layers_;
  std::unique_ptr<Executor> executor_;
};

/// The paper's "layer 1": what the first convolution that reads the pixels gives, rectified and,
/// where a max pooling follows, pooled. Throws kUnsupported when there is none.
[[nodiscard]] LayerChoice first_features(const Graph& graph);
/// The paper's "layer 7": the vector that the layer of the class scores reads (dropout and
/// flattening passed over). Where the scores come from maps right away, the scores.
[[nodiscard]] LayerChoice last_features(const Graph& graph);
/// `node`, or the max pooling that alone reads it, perhaps behind a normalisation: the paper's
/// pooled map. Throws kUnsupported, naming the layer, when it is not pooled.
[[nodiscard]] NodeId pooled_maps(const Graph& graph, NodeId node);

}  // namespace cutaway::explain
