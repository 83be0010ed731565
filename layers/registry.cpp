#include "layers/registry.h"

#include <array>

#include "layers/activation.h"
#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/clip.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/conv_transpose.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/elementwise.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/graph.h"
#include "layers/group_norm.h"
#include "layers/input.h"
#include "layers/layer_norm.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/prelu.h"
#include "layers/rearrange.h"
#include "layers/relu.h"
#include "layers/resize.h"
#include "layers/slice.h"
#include "layers/softmax.h"
#include "layers/template_mask.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

template <class L>
LayerPtr make(const Attributes& a) {
  return std::make_shared<L>(a);
}

struct Entry {
  const char* type;
  LayerPtr (*make)(const Attributes&);
};

// One line a layer, in alphabetical order. A table, not static registrars: those vanish from static
// libraries.
constexpr std::array kLayers{
    Entry{"activation", make<ActivationLayer>},
    Entry{"add", make<Add>},
    Entry{"average_pool", make<AveragePool>},
    Entry{"batch_norm", make<BatchNorm>},
    Entry{"clip", make<Clip>},
    Entry{"concat", make<Concat>},
    Entry{"conv", make<Conv>},
    Entry{"conv_transpose", make<ConvTranspose>},
    Entry{"dense", make<Dense>},
    Entry{"dropout", make<Dropout>},
    Entry{"elementwise", make<Elementwise>},
    Entry{"flatten", make<Flatten>},
    Entry{"global_average_pool", make<GlobalAveragePool>},
    Entry{"global_max_pool", make<GlobalMaxPool>},
    Entry{"group_norm", make<GroupNorm>},
    Entry{"input", make<Input>},
    Entry{"layer_norm", make<LayerNorm>},
    Entry{"leaky_relu", make<LeakyRelu>},
    Entry{"lrn", make<Lrn>},
    Entry{"max_pool", make<MaxPool>},
    Entry{"pad", make<Pad>},
    Entry{"prelu", make<PReluLayer>},
    Entry{"rearrange", make<Rearrange>},
    Entry{"relu", make<Relu>},
    Entry{"resize", make<ResizeLayer>},
    Entry{"slice", make<Slice>},
    Entry{"softmax", make<Softmax>},
    Entry{"template_mask", make<TemplateMask>},
};

}  // namespace

LayerPtr make_layer(std::string_view type, const Attributes& attributes) {
  for (const Entry& entry : kLayers) {
    if (type != entry.type) continue;
    LayerPtr layer = entry.make(attributes);
    attributes.expect_all_read();
    return layer;
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(type, layer_types())) hint += " '" + near + "'";
  throw Error(ErrorKind::kInput, "unknown layer type '" + std::string(type.substr(0, 64)) + "'")
      .hint(hint);
}

std::vector<std::string> layer_types() {
  std::vector<std::string> types;
  for (const Entry& entry : kLayers) types.emplace_back(entry.type);
  return types;
}

}  // namespace cutaway
