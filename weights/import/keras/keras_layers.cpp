#include "weights/import/keras/keras_layers.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostExtent = 1 << 20;

/// A class of Keras' layers and the function that builds it.
struct Entry {
  const char* type;
  KerasBuilder::Build build;
  bool differs_in_training{false};
  bool settings_matter{true};  ///< false: only while training
};

// One line a class, in alphabetical order.
constexpr std::array kTypes{
    Entry{"Activation", &KerasBuilder::activation},
    Entry{"ActivityRegularization", &KerasBuilder::nothing, false, false},
    Entry{"Add", &KerasBuilder::join},
    Entry{"AlphaDropout", &KerasBuilder::nothing, true, false},
    Entry{"Average", &KerasBuilder::average},
    Entry{"AveragePooling2D", &KerasBuilder::pool},
    Entry{"BatchNormalization", &KerasBuilder::batch_norm, true},
    Entry{"Concatenate", &KerasBuilder::join},
    Entry{"Conv2D", &KerasBuilder::conv},
    Entry{"Conv2DTranspose", &KerasBuilder::conv_transpose},
    Entry{"Convolution2D", &KerasBuilder::conv},
    Entry{"Cropping2D", &KerasBuilder::cropping},
    Entry{"Dense", &KerasBuilder::dense},
    Entry{"DepthwiseConv2D", &KerasBuilder::depthwise_conv},
    Entry{"Dropout", &KerasBuilder::dropout, true},
    Entry{"ELU", &KerasBuilder::elu},
    Entry{"Flatten", &KerasBuilder::flatten},
    Entry{"GaussianDropout", &KerasBuilder::nothing, true, false},
    Entry{"GaussianNoise", &KerasBuilder::nothing, true, false},
    Entry{"GlobalAveragePooling2D", &KerasBuilder::global_pool},
    Entry{"GlobalMaxPooling2D", &KerasBuilder::global_pool},
    Entry{"GroupNormalization", &KerasBuilder::group_norm},
    Entry{"LayerNormalization", &KerasBuilder::layer_norm},
    Entry{"LeakyReLU", &KerasBuilder::relu},
    Entry{"MaxPooling2D", &KerasBuilder::pool},
    Entry{"Maximum", &KerasBuilder::elementwise},
    Entry{"Minimum", &KerasBuilder::elementwise},
    Entry{"Multiply", &KerasBuilder::elementwise},
    Entry{"Normalization", &KerasBuilder::normalization},
    Entry{"PReLU", &KerasBuilder::prelu},
    Entry{"Permute", &KerasBuilder::permute},
    Entry{"RandomBrightness", &KerasBuilder::nothing, true, false},
    Entry{"RandomContrast", &KerasBuilder::nothing, true, false},
    Entry{"RandomFlip", &KerasBuilder::nothing, true, false},
    Entry{"RandomRotation", &KerasBuilder::nothing, true, false},
    Entry{"RandomTranslation", &KerasBuilder::nothing, true, false},
    Entry{"RandomZoom", &KerasBuilder::nothing, true, false},
    Entry{"ReLU", &KerasBuilder::relu},
    Entry{"Rescaling", &KerasBuilder::rescaling},
    Entry{"Reshape", &KerasBuilder::reshape},
    Entry{"SeparableConv2D", &KerasBuilder::separable_conv},
    Entry{"Softmax", &KerasBuilder::softmax},
    Entry{"SpatialDropout2D", &KerasBuilder::dropout, true},
    Entry{"Subtract", &KerasBuilder::elementwise},
    Entry{"UpSampling2D", &KerasBuilder::up_sampling},
    Entry{"ZeroPadding2D", &KerasBuilder::zero_padding},
};

std::string named(const KerasLayer& layer) { return layer.node + " (" + layer.type + ")"; }

}  // namespace

FeatureOrder feature_order_behind(LayerKind kind) {
  switch (kind) {
    case LayerKind::kActivation:
    case LayerKind::kAdd:  // if all its inputs have the same order
    case LayerKind::kBatchNorm:
    case LayerKind::kClip:
    case LayerKind::kDropout:
    case LayerKind::kElementwise:  // likewise
    case LayerKind::kFlatten:
    case LayerKind::kLayerNorm:
    case LayerKind::kLeakyRelu:
    case LayerKind::kPRelu:
    case LayerKind::kRelu:
    case LayerKind::kSoftmax:
      return FeatureOrder::kKept;
    case LayerKind::kDense:
      return FeatureOrder::kMixed;
    default:
      return FeatureOrder::kUnknown;
  }
}

KerasBuilder::KerasBuilder(const KerasLayers& layers, const std::string& file)
    : layers_(layers), file_(file), graph_(Shape{1, 1, 1, 1}) {}

void KerasBuilder::stop() const {
  if (complaints_.empty()) return;
  std::string all =
      std::to_string(complaints_.size()) + " thing(s) in this model that are not supported:";
  for (const std::string& line : complaints_) all += "\n  " + line;
  throw Error(ErrorKind::kUnsupported, all).at(file_);
}

KerasGraph KerasBuilder::run() {
  for (const KerasLayer& layer : layers_.list) build(layer);
  stop();
  if (graph_.size() < 2) throw Error(ErrorKind::kInput, "the model has no layers").at(file_);
  if (hwc_.contains(graph_.last())) {
    throw Error(ErrorKind::kUnsupported,
                "a model that ends in flattened maps: their order is H, W, C")
        .at(file_);
  }
  KerasGraph net{std::move(graph_), std::move(weights_), {}};
  for (const KerasLayer& layer : layers_.list) {
    if (layer.type != "Normalization") continue;
    net.left_out.push_back({layer.outer, layer.name, layer.containers, "number of samples seen"});
  }
  return net;
}

void KerasBuilder::complain(const std::string& what) {
  const std::string line = named(*current_) + ": " + what;
  if (complaints_.empty() || complaints_.back() != line) complaints_.push_back(line);
}

NodeId KerasBuilder::add(const std::string& name, LayerPtr layer, Inputs inputs) {
  NodeId node = 0;
  try {
    node = graph_.add(name, std::move(layer), std::move(inputs));
  } catch (const Error& error) {
    stop();  // behind an unsupported layer, shapes mean little
    throw error.located(file_);
  }
  keep_order(node);
  return node;
}

void KerasBuilder::keep_order(NodeId node) {
  const Node& n = graph_.node(node);
  if (vectors_.contains(n.inputs[0])) vectors_.insert(node);
  const auto marked = [&](NodeId input) { return hwc_.contains(input); };
  if (std::none_of(n.inputs.begin(), n.inputs.end(), marked)) return;
  const FeatureOrder order = feature_order_behind(n.layer->kind());
  if (order == FeatureOrder::kMixed) return;
  const auto first = hwc_.find(n.inputs[0]);
  const bool alike =
      first != hwc_.end() && std::all_of(n.inputs.begin(), n.inputs.end(), [&](NodeId input) {
        return marked(input) && hwc_.at(input) == first->second;
      });
  if (order == FeatureOrder::kKept && alike) {
    hwc_[node] = first->second;
  } else {
    complain("it is not known in which order this layer leaves the features of flattened maps");
  }
}

KerasWeight& KerasBuilder::take(
    NodeId node, std::size_t parameter, const char* role, std::size_t place, Transform transform) {
  KerasWeight weight;
  weight.node = node;
  weight.parameter = parameter;
  weight.layer = current_->name;
  weight.outer = current_->outer;
  weight.containers = current_->containers;
  weight.role = role;
  weight.place = place;
  weight.transform = std::move(transform);
  weight.shared = current_->shared;
  weights_.push_back(std::move(weight));
  return weights_.back();
}

void KerasBuilder::build_input(const KerasLayer& layer) {
  if (nodes_.size() != 0) {
    throw Error(ErrorKind::kUnsupported, "several inputs: '" + layer.node + "' is the second")
        .at(file_)
        .hint(
            "save the part you want as a model of its own: keras.Model(model.inputs[0], "
            "model.get_layer(NAME).output).save(FILE)");
  }
  nodes_[layer.id] = 0;
  const char* name = layer.config->contains("batch_shape") ? "batch_shape" : "batch_input_shape";
  const Json* at = setting(name);
  old_ = !layer.config->contains("batch_shape");
  std::vector<std::int64_t> e;
  if (at != nullptr && at->is_array() && at->size() == 4) {
    for (std::size_t i = 1; i < 4; ++i) {
      const Json& v = (*at)[i];
      if (v.is_number_integer() && v.get<std::int64_t>() >= 1 &&
          v.get<std::int64_t>() <= kMostExtent) {
        e.push_back(v.get<std::int64_t>());
      }
    }
  }
  if (e.size() != 3) {
    throw Error(ErrorKind::kUnsupported, "extents of the input")
        .at(file_)
        .expected("height, width and channels, all known")
        .got(at == nullptr ? "none"
                           : at->dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 64))
        .hint("save the model with a fixed input size");
  }
  // Layers say in which format they take their data; the first one that does decides.
  for (const KerasLayer& other : layers_.list) {
    current_ = &other;
    const bool says =
        other.config->contains("data_format") || other.config->contains("dim_ordering");
    if (!says || other.type == "InputLayer") continue;
    last_ = channels_last(other);
    break;
  }
  graph_ = Graph(last_ ? Shape{1, e[2], e[0], e[1]} : Shape{1, e[0], e[1], e[2]});
  if (layer.node != "input") graph_.alias(layer.node, 0);
}

void KerasBuilder::check_call(const KerasLayer& layer, bool differs_in_training) {
  if (!layer.argument.empty()) {
    complain("it is called with '" + layer.argument + "', which is not understood");
  }
  if (!differs_in_training || !layer.training.value_or(false)) return;
  // Frozen batch normalisation uses the moving estimates even then.
  const Json* trainable = setting("trainable");
  if (layer.type == "BatchNormalization" && trainable != nullptr && *trainable == Json(false)) {
    return;
  }
  complain("it is called as in training (training=True)");
}

void KerasBuilder::build(const KerasLayer& layer) {
  current_ = &layer;
  read_.clear();
  if (layer.type == "InputLayer") return build_input(layer);
  Inputs in;
  for (const std::string& input : layer.inputs) in.push_back(nodes_.at(input));
  if (in.empty())
    throw Error(ErrorKind::kInput, "layer '" + layer.node + "' has no input").at(file_);
  const auto entry = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const Entry& e) { return layer.type == e.type; });
  nodes_[layer.id] = in[0];
  if (entry == kTypes.end()) return complain("this class of layer is not supported");
  check_call(layer, entry->differs_in_training);
  nodes_[layer.id] = (this->*entry->build)(layer, in);
  if (entry->settings_matter) refuse_unread(layer);
}

}  // namespace cutaway::weights
