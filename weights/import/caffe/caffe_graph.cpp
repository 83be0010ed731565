#include "weights/import/caffe/caffe_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/elementwise.h"
#include "layers/flatten.h"
#include "layers/prelu.h"
#include "layers/softmax.h"
#include "runtime/error.h"
#include "weights/import/caffe/caffe_net.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostExtent = 1 << 20;

class Builder {
 public:
  Builder(CaffeNet net, const std::string& file) : net_(std::move(net)), file_(file) {}

  CaffeGraph run() {
    CaffeGraph result{Graph(net_.input), {}, net_.left_out, net_.preprocess};
    graph_ = &result.graph;
    blobs_of_ = &result.blobs;
    for (const std::string& blob : net_.input_blobs) nodes_[blob] = 0;
    find_readers();
    for (const CaffeDescription& d : net_.layers) build(d);
    stop_on(complaints_, file_);
    for (const std::string& blob : net_.input_blobs) {
      if (!taken(blob)) result.graph.alias(blob, 0);
    }
    if (result.graph.size() < 2) throw Error(ErrorKind::kInput, "the net has no layers").at(file_);
    return result;
  }

 private:
  void complain(const CaffeDescription& d) {
    complaints_.layer =
        d.name + " (" + d.type + ", line " + std::to_string(d.message->line()) + ")";
  }

  /// Who reads what a layer makes, on the whole net: layers in place write a blob anew, and what
  /// comes behind them reads theirs.
  void find_readers() {
    std::map<std::string, const CaffeDescription*> makers;
    for (const CaffeDescription& d : net_.layers) {
      for (const std::string& bottom : d.bottoms) {
        const auto maker = makers.find(bottom);
        if (maker != makers.end()) readers_[maker->second].push_back(&d);
      }
      for (const std::string& top : d.tops) makers[top] = &d;
    }
  }

  /// True when `reader` is the only layer that sees what `d` makes.
  bool is_only_reader(const CaffeDescription* d, const CaffeDescription& reader) const {
    const auto all = readers_.find(d);
    return all != readers_.end() && all->second.size() == 1 && all->second[0] == &reader;
  }

  // --- building ----------------------------------------------------------------------------------

  bool taken(const std::string& name) const {
    const auto nodes = graph_->nodes();
    return graph_->aliases().contains(name) ||
           std::any_of(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == name; });
  }

  std::vector<NodeId> inputs_of(const CaffeDescription& d) const {
    std::vector<NodeId> inputs;
    for (const std::string& bottom : d.bottoms) {
      if (net_.labels.contains(bottom)) continue;
      const auto at = nodes_.find(bottom);
      if (at == nodes_.end()) {
        throw Error(ErrorKind::kInput, "blob '" + bottom + "' that no layer above makes")
            .at(file_ + ":" + std::to_string(d.message->line()) + " " + d.name);
      }
      inputs.push_back(at->second);
    }
    if (inputs.empty()) {
      throw Error(ErrorKind::kInput, "a layer without bottom")
          .at(file_ + ":" + std::to_string(d.message->line()) + " " + d.name);
    }
    return inputs;
  }

  NodeId add(const CaffeDescription& d, LayerPtr layer, std::vector<NodeId> inputs) {
    try {
      return graph_->add(d.name, std::move(layer), std::move(inputs));
    } catch (const Error& error) {
      stop_on(complaints_, file_);  // behind an unsupported layer, shapes mean little
      throw error.located(file_ + ":" + std::to_string(d.message->line()));
    }
  }

  void take_blob(NodeId node, const char* parameter, const std::string& layer, int blob) {
    blobs_of_->push_back({node, parameter, layer, blob, false, {}, 0});
  }
  void take_constant(NodeId node, const char* parameter, float value) {
    blobs_of_->push_back({node, parameter, {}, 0, false, {}, value});
  }

  void build(const CaffeDescription& d) {
    complain(d);
    const std::vector<NodeId> in = inputs_of(d);
    NodeId made = in[0];
    if (d.type == "Split") {
      for (const std::string& top : d.tops) nodes_[top] = made;
      return;
    }
    made = build_one(d, in);
    makers_[made] = &d;
    complain_unread(*d.message, "layer", complaints_);
    for (const std::string& top : d.tops) nodes_[top] = made;
  }

  NodeId build_one(const CaffeDescription& d, const std::vector<NodeId>& in) {
    const TextMessage& m = *d.message;
    const Shape& shape = graph_->node(in[0]).shape;
    if (d.type == "Convolution" || d.type == "DepthwiseConvolution" ||
        d.type == "ConvolutionDepthwise") {
      return with_parameters(d,
                             caffe_convolution(m.message("convolution_param"),
                                               d.type != "Convolution", shape, complaints_),
                             in[0]);
    }
    if (d.type == "Deconvolution") {
      return with_parameters(
          d, caffe_deconvolution(m.message("convolution_param"), shape, complaints_), in[0]);
    }
    if (d.type == "InnerProduct") return inner_product(d, in[0]);
    if (d.type == "PReLU") return prelu(d, in[0]);
    if (d.type == "Power") return power(d, in[0]);
    if (d.type == "BatchNorm") return batch_norm(d, in[0]);
    if (d.type == "Scale") return scale(d, in);
    if (d.type == "Concat") return concat(d, in);
    if (d.type == "Eltwise") return eltwise(d, in);
    LayerPtr layer = caffe_activation(d.type, m, complaints_);
    if (layer == nullptr) layer = plain(d, shape);
    if (layer == nullptr) return in[0];
    return add(d, std::move(layer), {in[0]});
  }

  /// Layers with one input and no parameters; null, with a complaint, for unknown ones.
  LayerPtr plain(const CaffeDescription& d, const Shape& shape) {
    const TextMessage& m = *d.message;
    if (d.type == "Pooling") return caffe_pooling(m.message("pooling_param"), shape, complaints_);
    if (d.type == "LRN") return caffe_lrn(m.message("lrn_param"), complaints_);
    if (d.type == "Dropout") {
      const double ratio = m.message("dropout_param").number("dropout_ratio", 0.5);
      return std::make_shared<Dropout>(static_cast<float>(ratio));
    }
    if (d.type == "Softmax" || d.type == "SoftmaxWithLoss") {
      m.ignore({"loss_param"});
      const TextMessage& p = m.message("softmax_param");
      p.ignore({"engine"});
      if (p.integer("axis", 1, -8, 8) != 1) complaints_.add("softmax over another axis than 1");
      return std::make_shared<Softmax>();
    }
    if (d.type == "Flatten") {
      const TextMessage& p = m.message("flatten_param");
      if (p.integer("axis", 1, -8, 8) != 1 || p.integer("end_axis", -1, -8, 8) != -1) {
        complaints_.add("flattening of other axes than all behind the first");
      }
      return std::make_shared<Flatten>();
    }
    if (d.type == "Reshape") {
      const std::vector<const TextMessage*> shapes = m.message("reshape_param").messages("shape");
      const auto dims = shapes.empty() ? std::vector<std::int64_t>{}
                                       : shapes[0]->integers("dim", -1, kMostExtent);
      if (dims == std::vector<std::int64_t>{0, -1}) return std::make_shared<Flatten>();
      complaints_.add("a Reshape that is no flattening");
      return nullptr;
    }
    m.ignore({"type"});
    complaints_.add("this type of layer is not supported");
    for (const std::string& field : m.unread())
      m.ignore({field.substr(0, field.find(' ')).c_str()});
    return nullptr;
  }

  NodeId with_parameters(const CaffeDescription& d, LayerPtr layer, NodeId in) {
    if (layer == nullptr) return in;
    const NodeId node = add(d, std::move(layer), {in});
    int blob = 0;
    for (const ParameterSpec& spec : graph_->parameters(node))
      take_blob(node, spec.name.c_str(), d.name, blob++);
    return node;
  }

  NodeId inner_product(const CaffeDescription& d, NodeId in) {
    const TextMessage& p = d.message->message("inner_product_param");
    p.ignore({"weight_filler", "bias_filler"});
    if (p.integer("axis", 1, -8, 8) != 1) complaints_.add("InnerProduct over another axis than 1");
    if (!p.has("num_output")) complaints_.add("InnerProduct without num_output");
    const std::int64_t features = p.integer("num_output", 1, 1, 1 << 24);
    const bool bias = p.flag("bias_term", true);
    const bool transposed = p.flag("transpose", false);
    complain_unread(p, "inner_product_param", complaints_);
    if (graph_->node(in).shape.plane() > 1) {
      in = graph_->add(d.name + "_flatten", std::make_shared<Flatten>(), {in});
    }
    const std::size_t first = blobs_of_->size();
    const NodeId node = with_parameters(d, std::make_shared<Dense>(features, bias), in);
    (*blobs_of_)[first].transposed = transposed;
    return node;
  }

  NodeId batch_norm(const CaffeDescription& d, NodeId in) {
    const TextMessage& p = d.message->message("batch_norm_param");
    p.ignore({"moving_average_fraction"});
    if (!p.flag("use_global_stats", true))
      complaints_.add("batch normalisation by the batch's own estimates");
    const NodeId node = add(d, std::make_shared<BatchNorm>(p.number("eps", 1e-5)), {in});
    complain_unread(p, "batch_norm_param", complaints_);
    take_constant(node, "gamma", 1);
    take_constant(node, "beta", 0);
    blobs_of_->push_back({node, "mean", d.name, 0, false, d.name, 0});
    blobs_of_->push_back({node, "variance", d.name, 1, false, d.name, 0});
    return node;
  }

  NodeId scale(const CaffeDescription& d, const std::vector<NodeId>& in) {
    const TextMessage& p = d.message->message("scale_param");
    p.ignore({"filler", "bias_filler"});
    if (in.size() != 1) complaints_.add("Scale by another layer's output");
    if (p.integer("axis", 1, -8, 8) != 1 || p.integer("num_axes", 1, -8, 8) != 1) {
      complaints_.add("Scale over other axes than 1");
    }
    const bool bias = p.flag("bias_term", false);
    complain_unread(p, "scale_param", complaints_);
    NodeId node = in[0];
    const auto maker = makers_.find(node);
    const bool behind_norm = maker != makers_.end() && maker->second->type == "BatchNorm" &&
                             is_only_reader(maker->second, d) && !scaled_.contains(node);
    if (behind_norm) {
      graph_->alias(d.name, node);
      std::erase_if(*blobs_of_, [&](const CaffeBlob& b) {
        return b.node == node && (b.parameter == "gamma" || b.parameter == "beta");
      });
    } else {
      node = affine(d, node);
    }
    scaled_.insert(node);
    take_blob(node, "gamma", d.name, 0);
    if (bias) {
      take_blob(node, "beta", d.name, 1);
    } else {
      take_constant(node, "beta", 0);
    }
    return node;
  }

  /// A scale and a shift, to be filled in: batch normalisation with mean 0 and variance + eps = 1,
  /// exact in float32.
  NodeId affine(const CaffeDescription& d, NodeId in) {
    constexpr float kEps = 1.0F / 1024.0F;
    const NodeId node = add(d, std::make_shared<BatchNorm>(double{kEps}), {in});
    take_constant(node, "mean", 0);
    take_constant(node, "variance", 1.0F - kEps);
    return node;
  }

  /// (shift + scale x) ^ power.
  NodeId power(const CaffeDescription& d, NodeId in) {
    const TextMessage& p = d.message->message("power_param");
    if (p.number("power", 1.0) != 1.0) complaints_.add("Power with another power than 1");
    const NodeId node = affine(d, in);
    take_constant(node, "gamma", static_cast<float>(p.number("scale", 1.0)));
    take_constant(node, "beta", static_cast<float>(p.number("shift", 0.0)));
    complain_unread(p, "power_param", complaints_);
    return node;
  }

  NodeId prelu(const CaffeDescription& d, NodeId in) {
    const TextMessage& p = d.message->message("prelu_param");
    p.ignore({"filler"});
    if (p.flag("channel_shared", false)) complaints_.add("PReLU with one slope for all channels");
    complain_unread(p, "prelu_param", complaints_);
    return with_parameters(d, std::make_shared<PReluLayer>(), in);
  }

  NodeId concat(const CaffeDescription& d, const std::vector<NodeId>& in) {
    const TextMessage& p = d.message->message("concat_param");
    if (p.integer("axis", 1, -8, 8) != 1 || p.integer("concat_dim", 1, 0, 8) != 1) {
      complaints_.add("concatenation along another axis than 1");
    }
    complain_unread(p, "concat_param", complaints_);
    return add(d, std::make_shared<Concat>(), in);
  }

  NodeId eltwise(const CaffeDescription& d, const std::vector<NodeId>& in) {
    const TextMessage& p = d.message->message("eltwise_param");
    p.ignore({"stable_prod_grad"});
    const std::string operation = p.text("operation", "SUM");
    const bool product = operation == "PROD" || operation == "0";
    const bool maximum = operation == "MAX" || operation == "2";
    if (!product && !maximum && operation != "SUM" && operation != "1")
      complaints_.add("Eltwise with operation " + operation);
    for (const double c : p.numbers("coeff")) {
      if (c != 1) {
        complaints_.add("Eltwise with coefficients");
        break;
      }
    }
    complain_unread(p, "eltwise_param", complaints_);
    if (in.size() < 2) {
      complaints_.add("Eltwise of fewer than two layers");
      return in[0];
    }
    if (!product && !maximum) return add(d, std::make_shared<Add>(), in);
    const auto op = product ? kernels::BinaryOp::kMultiply : kernels::BinaryOp::kMaximum;
    NodeId node = in[0];
    for (std::size_t i = 1; i + 1 < in.size(); ++i) {
      node = graph_->add(d.name + "_" + std::to_string(i), std::make_shared<Elementwise>(op),
                         {node, in[i]});
    }
    return add(d, std::make_shared<Elementwise>(op), {node, in.back()});
  }

  CaffeNet net_;
  const std::string& file_;
  std::map<std::string, NodeId> nodes_;
  std::set<NodeId> scaled_;
  std::map<const CaffeDescription*, std::vector<const CaffeDescription*>> readers_;
  std::map<NodeId, const CaffeDescription*> makers_;
  CaffeComplaints complaints_{net_.complaints};
  Graph* graph_{};
  std::vector<CaffeBlob>* blobs_of_{};
};

}  // namespace

CaffeGraph caffe_graph(const TextMessage& net, const std::string& file, std::int64_t channels) {
  return Builder(caffe_net(net, file, channels), file).run();
}

}  // namespace cutaway::weights
