#include "weights/import/matconvnet/matconvnet_layers.h"

#include <algorithm>

#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dropout.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostWindow = 1024;
constexpr std::uint8_t kDouble = 9;  // MAT-file format, table 1-1

bool is_numbers(const MatValue* value) {
  return value != nullptr && value->kind == MatValue::Kind::kNumbers;
}

std::int32_t narrow(std::int64_t v) { return static_cast<std::int32_t>(v); }

}  // namespace

std::string mat_text(const MatValue& value, const char* name) {
  const MatValue* v = value.field(name);
  return v != nullptr && v->kind == MatValue::Kind::kText ? v->text : std::string();
}

void MatBuilder::begin(const std::string& name, const std::string& type, const MatValue& settings) {
  name_ = name.empty() ? "layer" + std::to_string(graph_.size()) : name;
  type_ = type;
  settings_ = &settings;
}

void MatBuilder::complain(const std::string& what) {
  complaints_.push_back(name_ + " (" + type_ + "): " + what);
}

void MatBuilder::stop() const {
  if (complaints_.empty()) return;
  std::string all =
      std::to_string(complaints_.size()) + " thing(s) in this net that are not supported:";
  for (const std::string& line : complaints_) all += "\n  " + line;
  throw Error(ErrorKind::kUnsupported, all).at(file_);
}

NodeId MatBuilder::add(LayerPtr layer, std::vector<NodeId> inputs) {
  try {
    return graph_.add(name_, std::move(layer), std::move(inputs));
  } catch (const Error& error) {
    stop();  // behind an unsupported layer, shapes mean little
    throw error.located(file_);
  }
}

const MatValue* MatBuilder::numbers(const char* name, std::int64_t count) const {
  const MatValue* v = settings_->field(name);
  return is_numbers(v) && v->count() == count ? v : nullptr;
}

/// A setting of one, two or four numbers, spread over `count`.
std::vector<std::int64_t> MatBuilder::spread(const char* name,
                                             std::size_t count,
                                             std::int64_t otherwise,
                                             std::int64_t least) {
  const MatValue* v = settings_->field(name);
  std::vector<std::int64_t> all;
  if (is_numbers(v)) {
    for (const float x : v->numbers(8)) {
      if (!(x >= static_cast<float>(least) && x <= kMostWindow)) {
        complain(std::string(name) + " out of range");
        return std::vector<std::int64_t>(count, otherwise);
      }
      all.push_back(static_cast<std::int64_t>(x));
    }
  }
  if (all.empty()) all = {otherwise};
  if (all.size() == 1) all.assign(count, all[0]);
  if (all.size() == 2 && count == 4) all = {all[0], all[0], all[1], all[1]};
  if (all.size() != count) {
    complain(std::string(name) + " with " + std::to_string(all.size()) + " numbers");
    all.assign(count, otherwise);
  }
  return all;
}

void MatBuilder::add_tensor(const std::string& name,
                            const MatValue& value,
                            Extents extents,
                            std::function<void(std::span<float>)> read) {
  tensors_.push_back(
      {name, std::move(extents), value.type == kDouble ? ElementType::kF64 : ElementType::kF32});
  reads_.push_back(std::move(read));
}

void MatBuilder::take(const MatParameter& p, std::size_t parameter, Extents extents) {
  taps_.push_back({graph_.last(), parameter, p.name, extents.size() == 4});
  if (!took(p.name)) {
    add_tensor(p.name, *p.value, std::move(extents),
               [value = *p.value](std::span<float> to) { value.read(to); });
    taken_.push_back(p.name);
  }
}

bool MatBuilder::took(const std::string& name) const {
  return std::find(taken_.begin(), taken_.end(), name) != taken_.end();
}

void MatBuilder::add_unused(const MatParameter& p) {
  Extents extents = p.value->extents;
  std::reverse(extents.begin(), extents.end());
  add_tensor(p.name, *p.value, std::move(extents),
             [value = *p.value](std::span<float> to) { value.read(to); });
}

NodeId MatBuilder::conv(NodeId in, const MatParameter& filters, const MatParameter& biases) {
  if (!is_numbers(filters.value) || filters.value->extents.size() > 4) {
    complain("a convolution without filters");
    return in;
  }
  Extents e = filters.value->extents;  // H W C K; MATLAB drops trailing ones
  e.resize(4, 1);
  const Shape x = graph_.node(in).shape;
  if (e[2] < 1 || x.c % e[2] != 0 || e[0] > kMostWindow || e[1] > kMostWindow || e[0] < 1 ||
      e[1] < 1 || e[3] < 1) {
    complain("filters that do not fit " + std::to_string(x.c) + " channels");
    return in;
  }
  const bool bias = is_numbers(biases.value) && biases.value->count() > 0;
  if (bias && biases.value->count() != e[3]) {
    complain("number of biases");
    return in;
  }
  const auto stride = spread("stride", 2, 1, 1);
  auto pad = spread("pad", 4, 0, 0);
  const auto dilate = spread("dilate", 2, 1, 1);
  if (pad[0] != pad[1] || pad[2] != pad[3]) {
    in = padded(in, pad, kernels::PadMode::kZero);
    pad = {0, 0, 0, 0};
  }
  const NodeId node =
      add(std::make_shared<Conv>(
              e[3],
              kernels::ConvGeometry{narrow(e[0]), narrow(e[1]), narrow(stride[0]),
                                    narrow(stride[1]), narrow(pad[0]), narrow(pad[2]),
                                    narrow(dilate[0]), narrow(dilate[1]), narrow(x.c / e[2])},
              bias),
          {in});
  take(filters, 0, {e[3], e[2], e[1], e[0]});
  if (bias) take(biases, 1, {e[3]});
  return node;
}

NodeId MatBuilder::padded(NodeId in, std::span<const std::int64_t> pad, kernels::PadMode mode) {
  const std::string own = name_;
  name_ += "_pad";
  const NodeId node = add(std::make_shared<Pad>(pad[0], pad[1], pad[2], pad[3], mode), {in});
  name_ = own;
  return node;
}

NodeId MatBuilder::pool(NodeId in, const char* size_name) {
  const Shape x = graph_.node(in).shape;
  const auto size = spread(size_name, 2, 1, 1);
  const auto stride = spread("stride", 2, 1, 1);
  const auto pad = spread("pad", 4, 0, 0);
  const std::string method = mat_text(*settings_, "method");
  if (!method.empty() && method != "max" && method != "avg") {
    complain("pooling by " + method);
    return in;
  }
  const kernels::PoolGeometry g{narrow(size[0]),   narrow(size[1]), narrow(stride[0]),
                                narrow(stride[1]), narrow(pad[0]),  narrow(pad[2])};
  const std::int64_t rows = (x.h + pad[0] + pad[1] - size[0]) / stride[0] + 1;
  const std::int64_t columns = (x.w + pad[2] + pad[3] - size[1]) / stride[1] + 1;
  // Padding takes no part in pooling here, so its far side only decides how many windows there
  // are.
  for (const bool ceil_mode : {false, true}) {
    const Shape y = pooled_shape(x, g, ceil_mode);
    if (y.h != rows || y.w != columns) continue;
    if (method == "avg") return add(std::make_shared<AveragePool>(g, ceil_mode, false), {in});
    return add(std::make_shared<MaxPool>(g, ceil_mode), {in});
  }
  if (method == "avg" || std::max(pad[0], pad[1]) >= size[0] ||
      std::max(pad[2], pad[3]) >= size[1]) {
    complain("pooling with this padding");
    return in;
  }
  // A window that reaches beyond the edge has the edge in it, so once more changes no maximum.
  in = padded(in, pad, kernels::PadMode::kEdge);
  return add(
      std::make_shared<MaxPool>(
          kernels::PoolGeometry{g.kernel_h, g.kernel_w, g.stride_h, g.stride_w, 0, 0}, false),
      {in});
}

NodeId MatBuilder::relu(NodeId in) {
  const MatValue* leak = numbers("leak", 1);
  const double slope = leak != nullptr ? double{leak->numbers(1)[0]} : 0.0;
  if (slope > 0 && slope <= 1) return add(std::make_shared<LeakyRelu>(slope), {in});
  if (slope != 0) complain("a leak outside 0 to 1");
  return add(std::make_shared<Relu>(), {in});
}

NodeId MatBuilder::lrn(NodeId in) {
  const MatValue* param = numbers("param", 4);
  const std::vector<float> p = param != nullptr ? param->numbers(4) : std::vector<float>{};
  if (p.empty() || !(p[0] >= 1 && p[0] <= 255)) {
    complain("param");
    return in;
  }
  // Their alpha stands before the sum, ours is divided by the number of channels in it.
  return add(std::make_shared<Lrn>(
                 kernels::LrnParameters{static_cast<std::int32_t>(p[0]), p[2] * p[0], p[3], p[1]}),
             {in});
}

NodeId MatBuilder::dropout(NodeId in) {
  const MatValue* rate = numbers("rate", 1);
  return add(std::make_shared<Dropout>(rate != nullptr ? rate->numbers(1)[0] : 0.5f), {in});
}

NodeId MatBuilder::softmax(NodeId in) { return add(std::make_shared<Softmax>(), {in}); }

NodeId MatBuilder::batch_norm(NodeId in,
                              const MatParameter& gain,
                              const MatParameter& bias,
                              const MatParameter& moments) {
  // Their deviation has epsilon in it already. Ours cannot be zero; this one is below rounding.
  constexpr double kEpsilon = 1e-12;
  const std::int64_t channels = graph_.node(in).shape.c;
  const bool good = is_numbers(gain.value) && gain.value->count() == channels &&
                    is_numbers(bias.value) && bias.value->count() == channels &&
                    is_numbers(moments.value) && moments.value->count() == 2 * channels;
  if (!good) {
    complain("normalisation without gains, biases and moments of " + std::to_string(channels) +
             " channels");
    return in;
  }
  const NodeId node = add(std::make_shared<BatchNorm>(kEpsilon), {in});
  take(gain, 0, {channels});
  take(bias, 1, {channels});
  const auto half = [&](const char* part, std::size_t which) {
    const std::string name = moments.name + part;
    taps_.push_back({node, 2 + which, name, false});
    if (took(name)) return;
    taken_.push_back(name);
    add_tensor(name, *moments.value, {channels},
               [value = *moments.value, which](std::span<float> to) {
                 std::vector<float> both(2 * to.size());
                 value.read(both);
                 const float* from = both.data() + which * to.size();
                 for (std::size_t i = 0; i < to.size(); ++i)
                   to[i] = which == 1 ? from[i] * from[i] : from[i];
               });
  };
  half("(:,1)", 0);
  half("(:,2).^2", 1);
  taken_.push_back(moments.name);
  return node;
}

NodeId MatBuilder::sum(const std::vector<NodeId>& in) { return add(std::make_shared<Add>(), in); }

NodeId MatBuilder::concat(const std::vector<NodeId>& in) {
  const MatValue* dim = numbers("dim", 1);
  if (dim != nullptr && dim->numbers(1)[0] != 3.0f)
    complain("concatenation along another axis than the channels");
  return add(std::make_shared<Concat>(), in);
}

void MatBuilder::finish(Source& source, std::vector<Exemption> unused) {
  if (graph_.size() < 2) throw Error(ErrorKind::kInput, "the net has no layers").at(file_);
  source.graph = std::move(graph_);
  source.tensors = std::move(tensors_);
  source.read = [reads = std::move(reads_)](std::size_t i, std::span<float> to) {
    reads.at(i)(to);
  };
  source.bind = [taps = std::move(taps_), unused = std::move(unused)](const Graph& graph,
                                                                      const std::string&) {
    Bindings bindings;
    bindings.unused = unused;
    for (const Tap& tap : taps) {
      if (tap.node >= graph.size()) continue;
      Binding binding;
      binding.node = tap.node;
      binding.parameter = tap.parameter;
      binding.sources = {tap.tensor};
      binding.may_share = true;  // DagNN: a parameter may serve several layers
      // MATLAB's H x W x C x K is K x C x W x H when the last index runs fastest.
      if (tap.filters) binding.transform.axes = {0, 1, 3, 2};
      bindings.list.push_back(std::move(binding));
    }
    return bindings;
  };
}

}  // namespace cutaway::weights
