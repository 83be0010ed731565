#include <algorithm>
#include <map>

#include "layers/average_pool.h"
#include "layers/conv.h"
#include "layers/dropout.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "runtime/error.h"
#include "weights/import/import_plan.h"
#include "weights/import/mat_file.h"
#include "weights/import/readers.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostWindow = 1024;
constexpr std::size_t kMostLabels = 1'000'000;

/// A parameter and the value that it is.
struct Tap {
  NodeId node{0};
  std::size_t parameter{0};
  std::string tensor;
  bool filters{false};
};

/// A chain of layers as vl_simplenn runs it.
class Chain {
 public:
  Chain(const MatValue& layers, const MatValue* meta, const std::string& file)
      : layers_(layers), meta_(meta), file_(file), graph_(input_shape()) {}

  void build(Source& source) {
    for (const MatValue& layer : layers_.cells) add(layer);
    if (!complaints_.empty()) {
      std::string all =
          std::to_string(complaints_.size()) + " thing(s) in this net that are not supported:";
      for (const std::string& line : complaints_) all += "\n  " + line;
      throw Error(ErrorKind::kUnsupported, all).at(file_);
    }
    if (graph_.size() < 2) throw Error(ErrorKind::kInput, "the net has no layers").at(file_);
    source.graph = graph_;
    source.preprocess = preprocess();
    source.labels = labels();
    source.tensors = std::move(tensors_);
    source.read = [values = std::move(values_)](std::size_t i, std::span<float> to) {
      values[i].read(to);
    };
    source.bind = [taps = std::move(taps_)](const Graph& graph, const std::string&) {
      Bindings bindings;
      for (const Tap& tap : taps) {
        if (tap.node >= graph.size()) continue;
        Binding binding;
        binding.node = tap.node;
        binding.parameter = tap.parameter;
        binding.sources = {tap.tensor};
        // MATLAB's H x W x C x K is K x C x W x H when the last index runs fastest.
        if (tap.filters) binding.transform.axes = {0, 1, 3, 2};
        bindings.list.push_back(std::move(binding));
      }
      return bindings;
    };
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_);
  }
  void complain(const std::string& what) {
    complaints_.push_back(name_ + " (" + type_ + "): " + what);
  }

  const MatValue* normalization() const {
    if (meta_ == nullptr) return nullptr;
    const MatValue* n = meta_->field("normalization");
    return n != nullptr ? n : (meta_->field("imageSize") != nullptr ? meta_ : nullptr);
  }

  Shape input_shape() const {
    const MatValue* n = normalization();
    const MatValue* size = n == nullptr ? nullptr : n->field("imageSize");
    if (size == nullptr) {
      throw Error(ErrorKind::kInput, "the file does not say how large the input is")
          .at(file_)
          .expected("meta.normalization.imageSize");
    }
    const std::vector<float> v = size->numbers(8);
    if (v.size() < 2) fail("imageSize");
    for (const float x : v) {
      if (!(x >= 1 && x <= 1 << 20)) fail("imageSize");
    }
    return {1, v.size() > 2 ? static_cast<std::int64_t>(v[2]) : 3, static_cast<std::int64_t>(v[0]),
            static_cast<std::int64_t>(v[1])};
  }

  static std::string text_of(const MatValue& layer, const char* name) {
    const MatValue* v = layer.field(name);
    return v != nullptr && v->kind == MatValue::Kind::kText ? v->text : std::string();
  }

  /// A setting of one, two or four numbers, spread over `count`.
  std::vector<std::int64_t> spread(const MatValue& layer,
                                   const char* name,
                                   std::size_t count,
                                   std::int64_t otherwise,
                                   std::int64_t least) {
    const MatValue* v = layer.field(name);
    std::vector<std::int64_t> all;
    if (v != nullptr && v->kind == MatValue::Kind::kNumbers) {
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

  void add(const MatValue& layer) {
    type_ = text_of(layer, "type");
    name_ = text_of(layer, "name");
    if (name_.empty()) name_ = "layer" + std::to_string(graph_.size());
    if (type_ == "conv") return conv(layer);
    if (type_ == "pool") return pool(layer);
    if (type_ == "relu") return relu(layer);
    if (type_ == "normalize" || type_ == "lrn") return lrn(layer);
    if (type_ == "softmax" || type_ == "softmaxloss") return append(std::make_shared<Softmax>());
    if (type_ == "dropout") {
      const MatValue* rate = layer.field("rate");
      const float r =
          rate != nullptr && rate->kind == MatValue::Kind::kNumbers && rate->count() == 1
              ? rate->numbers(1)[0]
              : 0.5f;
      return append(std::make_shared<Dropout>(r));
    }
    complain("this type of layer is not supported");
  }

  void append(LayerPtr layer) {
    try {
      graph_.add(name_, std::move(layer));
    } catch (const Error& error) {
      throw error.located(file_);
    }
  }

  /// `weights`, or the `filters` and `biases` of older files.
  std::pair<const MatValue*, const MatValue*> weights_of(const MatValue& layer) const {
    const MatValue* weights = layer.field("weights");
    if (weights != nullptr && weights->kind == MatValue::Kind::kCell && !weights->cells.empty()) {
      return {weights->cells.data(), weights->cells.size() > 1 ? &weights->cells[1] : nullptr};
    }
    return {layer.field("filters"), layer.field("biases")};
  }

  void take(const MatValue& value, std::size_t parameter, const char* role, Extents extents) {
    const std::string tensor = name_ + "/" + role;
    tensors_.push_back(
        {tensor, std::move(extents), value.type == 9 ? ElementType::kF64 : ElementType::kF32});
    values_.push_back(value);
    taps_.push_back({graph_.last(), parameter, tensor, parameter == 0});
  }

  void conv(const MatValue& layer) {
    const auto [filters, biases] = weights_of(layer);
    if (filters == nullptr || filters->kind != MatValue::Kind::kNumbers ||
        filters->extents.size() > 4) {
      return complain("a convolution without filters");
    }
    Extents e = filters->extents;  // H W C K; MATLAB drops trailing ones
    e.resize(4, 1);
    const Shape x = graph_.node(graph_.last()).shape;
    if (e[2] < 1 || x.c % e[2] != 0 || e[0] > kMostWindow || e[1] > kMostWindow || e[0] < 1 ||
        e[1] < 1 || e[3] < 1) {
      return complain("filters that do not fit " + std::to_string(x.c) + " channels");
    }
    const bool bias =
        biases != nullptr && biases->kind == MatValue::Kind::kNumbers && biases->count() > 0;
    if (bias && biases->count() != e[3]) return complain("number of biases");
    const auto stride = spread(layer, "stride", 2, 1, 1);
    auto pad = spread(layer, "pad", 4, 0, 0);
    const auto dilate = spread(layer, "dilate", 2, 1, 1);
    if (pad[0] != pad[1] || pad[2] != pad[3]) {
      const std::string own = name_;
      name_ += "_pad";
      append(std::make_shared<Pad>(pad[0], pad[1], pad[2], pad[3], kernels::PadMode::kZero));
      name_ = own;
      pad = {0, 0, 0, 0};
    }
    const auto n = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
    append(std::make_shared<Conv>(
        e[3],
        kernels::ConvGeometry{n(e[0]), n(e[1]), n(stride[0]), n(stride[1]), n(pad[0]), n(pad[2]),
                              n(dilate[0]), n(dilate[1]), n(x.c / e[2])},
        bias));
    take(*filters, 0, "filters", {e[3], e[2], e[1], e[0]});
    if (bias) take(*biases, 1, "biases", {e[3]});
  }

  void pool(const MatValue& layer) {
    const Shape x = graph_.node(graph_.last()).shape;
    const auto size = spread(layer, "pool", 2, 1, 1);
    const auto stride = spread(layer, "stride", 2, 1, 1);
    const auto pad = spread(layer, "pad", 4, 0, 0);
    const std::string method = text_of(layer, "method");
    if (!method.empty() && method != "max" && method != "avg")
      return complain("pooling by " + method);
    const auto n = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
    const kernels::PoolGeometry g{n(size[0]),   n(size[1]), n(stride[0]),
                                  n(stride[1]), n(pad[0]),  n(pad[2])};
    const std::int64_t rows = (x.h + pad[0] + pad[1] - size[0]) / stride[0] + 1;
    const std::int64_t columns = (x.w + pad[2] + pad[3] - size[1]) / stride[1] + 1;
    // Padding takes no part in pooling here, so its far side only decides how many windows there
    // are.
    for (const bool ceil_mode : {false, true}) {
      const Shape y = pooled_shape(x, g, ceil_mode);
      if (y.h != rows || y.w != columns) continue;
      if (method == "avg") return append(std::make_shared<AveragePool>(g, ceil_mode, false));
      return append(std::make_shared<MaxPool>(g, ceil_mode));
    }
    complain("pooling with this padding");
  }

  void relu(const MatValue& layer) {
    const MatValue* leak = layer.field("leak");
    const bool given =
        leak != nullptr && leak->kind == MatValue::Kind::kNumbers && leak->count() == 1;
    const double slope = given ? double{leak->numbers(1)[0]} : 0.0;
    if (slope > 0 && slope <= 1) return append(std::make_shared<LeakyRelu>(slope));
    if (slope != 0) return complain("a leak outside 0 to 1");
    append(std::make_shared<Relu>());
  }

  void lrn(const MatValue& layer) {
    const MatValue* param = layer.field("param");
    const std::vector<float> p =
        param != nullptr && param->kind == MatValue::Kind::kNumbers && param->count() == 4
            ? param->numbers(4)
            : std::vector<float>{};
    if (p.size() != 4 || !(p[0] >= 1 && p[0] <= 255)) return complain("param");
    // Their alpha stands before the sum, ours is divided by the number of channels in it.
    append(std::make_shared<Lrn>(
        kernels::LrnParameters{static_cast<std::int32_t>(p[0]), p[2] * p[0], p[3], p[1]}));
  }

  std::optional<Preprocess> preprocess() const {
    const MatValue* n = normalization();
    const MatValue* mean = n == nullptr ? nullptr : n->field("averageImage");
    const Shape s = graph_.node(0).shape;
    if (mean == nullptr || mean->kind != MatValue::Kind::kNumbers || (s.c != 3 && s.c != 1))
      return std::nullopt;
    Preprocess p;
    p.order = s.c == 1 ? ColorOrder::kGray : ColorOrder::kRgb;
    const std::vector<float> values = mean->numbers(std::size_t{1} << 24);
    const auto channels = static_cast<std::size_t>(s.c);
    if (values.empty() || values.size() % channels != 0) return std::nullopt;
    const std::size_t plane = values.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < plane; ++i) sum += double{values[c * plane + i]};
      p.mean[c] = static_cast<float>(sum / static_cast<double>(plane));
    }
    p.resize = ResizeRule::kWarp;
    p.width = static_cast<std::int32_t>(s.w);
    p.height = static_cast<std::int32_t>(s.h);
    p.interpolation = text_of(*n, "interpolation") == "bicubic" ? Interpolation::kCubicMatlab
                                                                : Interpolation::kBilinearMatlab;
    return p;
  }

  std::vector<std::string> labels() const {
    const MatValue* classes = meta_ == nullptr ? nullptr : meta_->field("classes");
    const MatValue* texts = classes == nullptr ? nullptr : classes->field("description");
    std::vector<std::string> all;
    if (texts == nullptr || texts->kind != MatValue::Kind::kCell ||
        texts->cells.size() > kMostLabels)
      return all;
    for (const MatValue& t : texts->cells) all.push_back(t.text);
    if (static_cast<std::int64_t>(all.size()) != graph_.node(graph_.last()).shape.c) all.clear();
    return all;
  }

  const MatValue& layers_;
  const MatValue* meta_;
  const std::string& file_;
  Graph graph_;
  std::string name_, type_;
  std::vector<std::string> complaints_;
  std::vector<SourceTensor> tensors_;
  std::vector<MatValue> values_;
  std::vector<Tap> taps_;
};

}  // namespace

bool detect_matconvnet(std::span<const Candidate> files) {
  return files.size() == 1 && !files[0].hdf5 && is_mat_file(files[0].head);
}

Source read_matconvnet(std::span<const Candidate> files) {
  if (files.size() != 1) throw Error(ErrorKind::kUsage, "MatConvNet's files").expected("one file");
  return matconvnet_source(std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path)));
}

Source matconvnet_source(std::shared_ptr<const BinaryFile> file) {
  const std::vector<MatValue> variables = read_mat_file(file);
  const auto find = [&](const char* name) -> const MatValue* {
    for (const MatValue& v : variables) {
      if (v.name == name) return &v;
      // Some files hold the whole net in one variable.
      const MatValue* inner = v.name == "net" ? v.field(name) : nullptr;
      if (inner != nullptr) return inner;
    }
    return nullptr;
  };
  const MatValue* layers = find("layers");
  if (layers != nullptr && layers->kind == MatValue::Kind::kStruct) {
    throw Error(ErrorKind::kUnsupported, "a DagNN net")
        .at(file->path())
        .expected("a SimpleNN net: a cell array 'layers'");
  }
  if (layers == nullptr || layers->kind != MatValue::Kind::kCell) {
    throw Error(ErrorKind::kInput, "no MatConvNet net")
        .at(file->path())
        .expected("a cell array 'layers'");
  }
  const MatValue* meta = find("meta");
  MatValue old;
  if (meta == nullptr) {  // before meta there were two variables
    old.kind = MatValue::Kind::kStruct;
    old.structs.emplace_back();
    for (const char* name : {"normalization", "classes"}) {
      if (const MatValue* v = find(name)) old.structs[0][name] = *v;
    }
    meta = &old;
  }
  Source source;
  source.format = "matconvnet";
  source.files = {file->path()};
  source.rgb = true;
  const std::string path = file->path();
  Chain(*layers, meta, path).build(source);
  return source;
}

}  // namespace cutaway::weights
