#pragma once

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/pool.h"
#include "layers/graph.h"
#include "weights/import/keras/keras_config.h"
#include "weights/import/keras/keras_windows.h"

#pragma GCC visibility push(hidden)

/// Private to weights/import/keras_*.cpp.
namespace cutaway::weights {

/// A layer of a configuration, before anything is built.
struct KerasLayer {
  std::string name, type;  ///< type: Keras' class name
  const nlohmann::json* config{};
  std::vector<std::string> inputs;  ///< ids of layers
  std::string id;                   ///< "vgg16/block1_conv1": with the names of the models it is in
  std::string node;   ///< what the graph calls it: the name, or the id where others are called so
  std::string outer;  ///< the outermost model it is in; its own name when that is the model
  std::vector<std::string> containers{};  ///< of each level: where Keras 3 stores it
  bool shared{false};  ///< one of several uses of a layer, which have their weights in common
  std::optional<bool>
      training{};          ///< called as in training, or as not in training; empty: not said
  std::string argument{};  ///< one that it is called with and that is not understood
};

/// The layers of a Sequential or functional configuration, those of models in it among them, in an
/// order in which inputs come first, only those that the output depends on. `output`: which of
/// several. Throws kInput, kUnsupported, kUsage.
struct KerasLayers {
  std::vector<KerasLayer> list;
  std::vector<KerasLayer> left_out;  ///< the others
};
[[nodiscard]] KerasLayers keras_layers(const nlohmann::json& model,
                                       const std::string& file,
                                       const std::string& output);

/// Adds Keras layers to a graph one by one, and remembers which variable goes where. Two rules keep
/// it from being wrong in silence: settings of a layer that nobody read, and that may matter, are
/// refused; and flattened maps keep the order in which Keras has their features through every layer
/// that is known to keep features in their places, and are refused by one that is not known to keep
/// or to mix them.
class KerasBuilder {
 public:
  using Json = nlohmann::json;
  using Inputs = std::vector<NodeId>;
  /// Builds a layer behind those inputs and returns the node with its output.
  using Build = NodeId (KerasBuilder::*)(const KerasLayer& layer, const Inputs& in);

  KerasBuilder(const KerasLayers& layers, const std::string& file);
  /// Throws kUnsupported with everything that is not.
  KerasGraph run();

  // --- one function a class of layer, in keras_layers.cpp's table
  // --------------------------------

  NodeId activation(const KerasLayer& layer, const Inputs& in);
  NodeId average(const KerasLayer& layer, const Inputs& in);
  NodeId batch_norm(const KerasLayer& layer, const Inputs& in);
  NodeId conv(const KerasLayer& layer, const Inputs& in);
  NodeId conv_transpose(const KerasLayer& layer, const Inputs& in);
  NodeId cropping(const KerasLayer& layer, const Inputs& in);
  NodeId dense(const KerasLayer& layer, const Inputs& in);
  NodeId depthwise_conv(const KerasLayer& layer, const Inputs& in);
  NodeId dropout(const KerasLayer& layer, const Inputs& in);
  NodeId elementwise(const KerasLayer& layer, const Inputs& in);
  NodeId elu(const KerasLayer& layer, const Inputs& in);
  NodeId flatten(const KerasLayer& layer, const Inputs& in);
  NodeId global_pool(const KerasLayer& layer, const Inputs& in);
  NodeId group_norm(const KerasLayer& layer, const Inputs& in);
  NodeId join(const KerasLayer& layer, const Inputs& in);
  NodeId layer_norm(const KerasLayer& layer, const Inputs& in);
  NodeId nothing(const KerasLayer& layer, const Inputs& in);
  NodeId normalization(const KerasLayer& layer, const Inputs& in);
  NodeId permute(const KerasLayer& layer, const Inputs& in);
  NodeId pool(const KerasLayer& layer, const Inputs& in);
  NodeId prelu(const KerasLayer& layer, const Inputs& in);
  NodeId relu(const KerasLayer& layer, const Inputs& in);
  NodeId rescaling(const KerasLayer& layer, const Inputs& in);
  NodeId reshape(const KerasLayer& layer, const Inputs& in);
  NodeId separable_conv(const KerasLayer& layer, const Inputs& in);
  NodeId softmax(const KerasLayer& layer, const Inputs& in);
  NodeId up_sampling(const KerasLayer& layer, const Inputs& in);
  NodeId zero_padding(const KerasLayer& layer, const Inputs& in);

 private:
  /// A window that moves: of a convolution.
  struct Sliding {
    std::pair<std::int32_t, std::int32_t> kernel, stride, dilation;
    std::int32_t pad_h{0}, pad_w{0};
  };

  void build(const KerasLayer& layer);
  void build_input(const KerasLayer& layer);
  void check_call(const KerasLayer& layer, bool differs_in_training);
  void refuse_unread(const KerasLayer& layer);

  /// The window of `current_`; where "same" padding differs between the sides, `in` becomes a
  /// padding layer behind it.
  Sliding sliding(const KerasLayer& layer, NodeId& in);
  /// The activation that a layer has inside, as a node of its own.
  NodeId inner_activation(const KerasLayer& layer, NodeId in);
  LayerPtr activation_layer(const std::string& kind, NodeId in);
  /// The scale and shift of a normalisation (parameters 0 and 1), which Keras may leave out; returns
  /// how many variables the layer has of them.
  std::size_t take_scale_and_shift(NodeId node, const Transform& t);
  /// Settings of the form ((top, bottom), (left, right)), (rows, columns) or one number.
  std::optional<std::array<std::int64_t, 4>> sides(const char* name, std::int64_t otherwise);
  /// A mean over windows that "same" padding makes smaller at the edges, which no padding that is
  /// the same on both sides does.
  NodeId mean_of_uneven_windows(const KerasLayer& layer,
                                NodeId in,
                                const kernels::PoolGeometry& g,
                                const Same& h,
                                const Same& w);
  /// The numbers of `in`, in Keras' order of axes, as maps of the shape `y`.
  NodeId reshape_to(const KerasLayer& layer, NodeId in, const Shape& y);
  /// True when `axis`, counted with the batch, is that of the channels of `in`.
  bool is_channel_axis(std::int64_t axis, NodeId in) const;
  void require_format(const KerasLayer& layer);
  /// y = gamma x + beta with numbers of the configuration, one or one a channel each.
  NodeId affine(const std::string& name,
                NodeId in,
                const std::vector<float>& gamma,
                const std::vector<float>& beta);

  /// Every node is added here. Keeps account of the order of features (see above).
  NodeId add(const std::string& name, LayerPtr layer, Inputs inputs);
  void keep_order(NodeId node);
  void complain(const std::string& what);
  /// Throws when there are complaints.
  void stop() const;
  KerasWeight& take(NodeId node,
                    std::size_t parameter,
                    const char* role,
                    std::size_t place,
                    Transform transform = {});
  bool channels_last(const KerasLayer& layer);

  /// The setting of that name; null when it is absent or null. It counts as read.
  const Json* setting(const std::string& name);
  /// Reads of `current_`'s configuration; each complains and returns something harmless when the
  /// value is odd.
  std::int64_t integer(const char* name,
                       std::int64_t otherwise,
                       std::int64_t least,
                       std::int64_t most);
  double number(const char* name, double otherwise);
  bool flag(const char* name, bool otherwise);
  std::string text(const char* name, const std::string& otherwise);
  std::pair<std::int32_t, std::int32_t> pair(const char* name, std::int32_t otherwise);
  /// One number, or one a channel (`channels`).
  std::vector<float> numbers(const char* name, float otherwise, std::int64_t channels);
  /// An axis, or a list of one; 99 and a complaint for anything else.
  std::int64_t axis(std::int64_t otherwise);

  const KerasLayers& layers_;
  std::string file_;
  Graph graph_;
  std::vector<KerasWeight> weights_;
  std::vector<std::string> complaints_;
  const KerasLayer* current_{};
  std::set<std::string> read_;  ///< settings of `current_`
  std::map<std::string, NodeId> nodes_;
  /// Nodes that Keras has without rows and columns.
  std::set<NodeId> vectors_;
  /// Vectors whose features Keras has in H, W, C order.
  std::map<NodeId, std::array<std::int64_t, 3>> hwc_;
  bool last_{true};  ///< the data's own format
  bool old_{false};  ///< written by Keras 1 or 2
};

}  // namespace cutaway::weights

#pragma GCC visibility pop
