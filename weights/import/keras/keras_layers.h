#pragma once

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/import/keras/keras_config.h"

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

/// Adds Keras layers to a graph one by one, and remembers which variable goes where.
class KerasBuilder {
 public:
  KerasBuilder(const KerasLayers& layers, const std::string& file);
  /// Throws kUnsupported with everything that is not.
  KerasGraph run();

 private:
  using Json = nlohmann::json;

  void build(const KerasLayer& layer);
  NodeId build_one(const KerasLayer& layer, const std::vector<NodeId>& in);
  NodeId conv(const KerasLayer& layer, NodeId in, bool depthwise);
  NodeId dense(const KerasLayer& layer, NodeId in);
  NodeId batch_norm(const KerasLayer& layer, NodeId in);
  NodeId pool(const KerasLayer& layer, NodeId in, bool maximum);
  NodeId zero_padding(const KerasLayer& layer, NodeId in);
  NodeId flatten(const KerasLayer& layer, NodeId in);
  NodeId relu(const KerasLayer& layer, NodeId in);
  NodeId join(const KerasLayer& layer, const std::vector<NodeId>& in);
  NodeId activation(const KerasLayer& layer, const std::string& name, NodeId in, bool own_node);

  NodeId add(const std::string& name, LayerPtr layer, std::vector<NodeId> inputs);
  void complain(const std::string& what);
  /// Throws when there are complaints.
  void stop() const;
  void take(NodeId node,
            std::size_t parameter,
            const char* role,
            std::size_t place,
            Transform transform = {});
  bool channels_last(const KerasLayer& layer);

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

  const KerasLayers& layers_;
  std::string file_;
  Graph graph_;
  std::vector<KerasWeight> weights_;
  std::vector<std::string> complaints_;
  const KerasLayer* current_{};
  std::map<std::string, NodeId> nodes_;
  /// Vectors whose features Keras has in H, W, C order.
  std::map<NodeId, std::array<std::int64_t, 3>> hwc_;
  bool last_{true};  ///< the data's own format
};

}  // namespace cutaway::weights
