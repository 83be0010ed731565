#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "runtime/error.h"
#include "weights/import/import_plan.h"
#include "weights/import/matconvnet/mat_file.h"
#include "weights/import/matconvnet/mat_hdf5.h"
#include "weights/import/matconvnet/matconvnet_layers.h"
#include "weights/import/readers.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostLabels = 1'000'000;
constexpr std::size_t kMostLayers = 20'000;

// --- what surrounds the net
// ------------------------------------------------------------------------

const MatValue* normalization(const MatValue& meta) {
  const MatValue* n = meta.field("normalization");
  return n != nullptr ? n : (meta.field("imageSize") != nullptr ? &meta : nullptr);
}

std::string brief(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", double{value});
  return text;
}

Shape input_shape(const MatValue& meta, const std::string& file) {
  const MatValue* n = normalization(meta);
  const MatValue* size = n == nullptr ? nullptr : n->field("imageSize");
  const auto wrong = [&](const char* what) {
    return Error(ErrorKind::kInput, what).at(file).expected("meta.normalization.imageSize");
  };
  if (size == nullptr) throw wrong("the file does not say how large the input is");
  const std::vector<float> v = size->numbers(8);
  if (v.size() < 2) throw wrong("imageSize");
  for (const float x : v) {
    if (!(x >= 1 && x <= 1 << 20)) throw wrong("imageSize");
  }
  return {1, v.size() > 2 ? static_cast<std::int64_t>(v[2]) : 3, static_cast<std::int64_t>(v[0]),
          static_cast<std::int64_t>(v[1])};
}

/// Adds a note when the mean differs from pixel to pixel.
std::optional<Preprocess> preprocess(const MatValue& meta,
                                     const Graph& graph,
                                     std::vector<std::string>& notes) {
  const MatValue* n = normalization(meta);
  const MatValue* mean = n == nullptr ? nullptr : n->field("averageImage");
  const Shape s = graph.node(0).shape;
  if (mean == nullptr || mean->kind != MatValue::Kind::kNumbers || (s.c != 3 && s.c != 1))
    return std::nullopt;
  Preprocess p;
  p.order = s.c == 1 ? ColorOrder::kGray : ColorOrder::kRgb;
  const std::vector<float> values = mean->numbers(std::size_t{1} << 24);
  const auto channels = static_cast<std::size_t>(s.c);
  if (values.empty() || values.size() % channels != 0) return std::nullopt;
  const std::size_t plane = values.size() / channels;
  float most = 0;  // how far a pixel is from its channel's mean
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (std::size_t i = 0; i < plane; ++i) sum += double{values[c * plane + i]};
    p.mean[c] = static_cast<float>(sum / static_cast<double>(plane));
    for (std::size_t i = 0; i < plane; ++i)
      most = std::max(most, std::abs(values[c * plane + i] - p.mean[c]));
  }
  constexpr float kRounding = 1e-3F;  // of a mean over 224 x 224 pixels that are all the same
  if (most > kRounding) {
    notes.push_back(
        "averageImage, a mean a pixel, became one mean a channel, from which pixels differ by "
        "up to " +
        brief(most) +
        " of 255: scores differ from MatConvNet's, and close classes "
        "may change places");
  }
  p.resize = ResizeRule::kWarp;
  p.width = static_cast<std::int32_t>(s.w);
  p.height = static_cast<std::int32_t>(s.h);
  p.interpolation = mat_text(*n, "interpolation") == "bicubic" ? Interpolation::kCubicMatlab
                                                               : Interpolation::kBilinearMatlab;
  return p;
}

std::vector<std::string> labels(const MatValue& meta, const Graph& graph) {
  const MatValue* classes = meta.field("classes");
  const MatValue* texts = classes == nullptr ? nullptr : classes->field("description");
  std::vector<std::string> all;
  if (texts == nullptr || texts->kind != MatValue::Kind::kCell || texts->cells.size() > kMostLabels)
    return all;
  for (const MatValue& t : texts->cells) all.push_back(t.text);
  if (static_cast<std::int64_t>(all.size()) != graph.node(graph.last()).shape.c) all.clear();
  return all;
}

// --- SimpleNN: a chain of layers as vl_simplenn runs it
// -----------------------------------------------

NodeId simple_layer(MatBuilder& b, NodeId in, const MatValue& layer) {
  const std::string type = mat_text(layer, "type");
  const std::string given = mat_text(layer, "name");
  const std::string name = given.empty() ? "layer" + std::to_string(b.graph().size()) : given;
  b.begin(name, type, layer);
  // `weights`, or the `filters` and `biases` of older files.
  const MatValue* weights = layer.field("weights");
  const auto weight = [&](std::size_t i) -> const MatValue* {
    if (weights == nullptr || weights->kind != MatValue::Kind::kCell) return nullptr;
    return i < weights->cells.size() ? &weights->cells[i] : nullptr;
  };
  if (type == "conv") {
    const bool cell = weight(0) != nullptr;
    return b.conv(in, {cell ? weight(0) : layer.field("filters"), name + "/filters"},
                  {cell ? weight(1) : layer.field("biases"), name + "/biases"});
  }
  if (type == "bnorm") {
    return b.batch_norm(in, {weight(0), name + "/gains"}, {weight(1), name + "/biases"},
                        {weight(2), name + "/moments"});
  }
  if (type == "pool") return b.pool(in, "pool");
  if (type == "relu") return b.relu(in);
  if (type == "normalize" || type == "lrn") return b.lrn(in);
  if (type == "softmax" || type == "softmaxloss") return b.softmax(in);
  if (type == "dropout") return b.dropout(in);
  b.complain("this type of layer is not supported");
  return in;
}

// --- DagNN: layers that name their inputs, outputs and parameters
// -------------------------------------

using Fields = std::map<std::string, MatValue>;

const MatValue* field_of(const Fields& fields, const char* name) {
  const auto at = fields.find(name);
  return at == fields.end() ? nullptr : &at->second;
}

std::string text_of(const Fields& fields, const char* name) {
  const MatValue* v = field_of(fields, name);
  return v != nullptr && v->kind == MatValue::Kind::kText ? v->text : std::string();
}

/// A cell array of texts, or one text.
std::vector<std::string> texts_of(const Fields& fields, const char* name) {
  const MatValue* v = field_of(fields, name);
  std::vector<std::string> all;
  if (v != nullptr && v->kind == MatValue::Kind::kText) all.push_back(v->text);
  if (v != nullptr && v->kind == MatValue::Kind::kCell) {
    for (const MatValue& cell : v->cells) all.push_back(cell.text);
  }
  return all;
}

struct DagLayer {
  std::string name, type;
  std::vector<std::string> inputs, outputs, parameters;
  const MatValue* block{};
};

class Dag {
 public:
  Dag(const MatValue& layers, const MatValue* parameters, const std::string& file) : file_(file) {
    nothing_.kind = MatValue::Kind::kStruct;
    if (layers.structs.empty() || layers.structs.size() > kMostLayers) fail("number of layers");
    for (const Fields& fields : layers.structs) {
      DagLayer layer{text_of(fields, "name"),    text_of(fields, "type"),
                     texts_of(fields, "inputs"), texts_of(fields, "outputs"),
                     texts_of(fields, "params"), field_of(fields, "block")};
      if (layer.type.starts_with("dagnn.")) layer.type = layer.type.substr(6);
      if (layer.block == nullptr || layer.block->kind != MatValue::Kind::kStruct)
        layer.block = &nothing_;
      layers_.push_back(std::move(layer));
    }
    if (parameters == nullptr || parameters->kind != MatValue::Kind::kStruct) return;
    for (const Fields& fields : parameters->structs) {
      const MatValue* value = field_of(fields, "value");
      if (value != nullptr) values_[text_of(fields, "name")] = value;
    }
  }

  void build(MatBuilder& b, Source& source) {
    const std::vector<std::size_t> order = needed();
    std::map<std::string, NodeId> variables{{input_, 0}};
    for (const std::size_t i : order) {
      const DagLayer& layer = layers_[i];
      std::vector<NodeId> in;
      for (const std::string& name : layer.inputs) in.push_back(variables.at(name));
      b.begin(layer.name, layer.type, *layer.block);
      variables[layer.outputs[0]] = node_of(b, layer, in);
    }
    b.stop();
    // Parameters of losses and of other heads are named as such; what nothing names is an error.
    std::vector<Exemption> unused;
    const std::set<std::size_t> built(order.begin(), order.end());
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (built.contains(i)) continue;
      for (const std::string& name : layers_[i].parameters)
        unused.push_back({name, "of " + layers_[i].name + ", which the output does not need"});
    }
    for (const auto& [name, value] : values_) {
      if (!b.took(name) && value->kind == MatValue::Kind::kNumbers) b.add_unused({value, name});
    }
    b.finish(source, std::move(unused));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_);
  }

  static bool is_loss(const DagLayer& layer) {
    return layer.type == "Loss" || layer.type.ends_with("Loss");
  }

  /// The layers that the output depends on, inputs first. The output is what the last layer that is
  /// no loss makes; the input the one variable that no layer makes.
  std::vector<std::size_t> needed() {
    std::map<std::string, std::size_t> makers;
    std::size_t last = layers_.size();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (is_loss(layers_[i])) continue;
      if (layers_[i].outputs.size() != 1 || layers_[i].inputs.empty())
        fail("layer '" + layers_[i].name + "' without inputs, or not with one output");
      if (!makers.emplace(layers_[i].outputs[0], i).second)
        fail("two layers make '" + layers_[i].outputs[0] + "'");
      last = i;
    }
    if (last == layers_.size()) fail("a net of losses only");
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    std::vector<State> states(layers_.size(), State::kNew);
    std::vector<std::size_t> order, stack{last};
    while (!stack.empty()) {
      const std::size_t i = stack.back();
      if (states[i] == State::kNew) {
        states[i] = State::kOpen;
        for (auto name = layers_[i].inputs.rbegin(); name != layers_[i].inputs.rend(); ++name) {
          const auto maker = makers.find(*name);
          if (maker == makers.end()) {
            take_input(*name);
          } else if (states[maker->second] == State::kOpen) {
            fail("the layers form a circle at '" + *name + "'");
          } else if (states[maker->second] == State::kNew) {
            stack.push_back(maker->second);
          }
        }
        continue;
      }
      stack.pop_back();
      if (states[i] == State::kOpen) order.push_back(i);
      states[i] = State::kDone;
    }
    if (input_.empty()) fail("a net without input");
    return order;
  }

  void take_input(const std::string& name) {
    if (name.empty()) fail("an input without a name");
    if (input_.empty() || input_ == name) {
      input_ = name;
      return;
    }
    throw Error(ErrorKind::kUnsupported, "several inputs: '" + input_ + "' and '" + name + "'")
        .at(file_)
        .expected("one");
  }

  MatParameter parameter(const DagLayer& layer, std::size_t i) const {
    if (i >= layer.parameters.size()) return {};
    const auto at = values_.find(layer.parameters[i]);
    return {at == values_.end() ? nullptr : at->second, layer.parameters[i]};
  }

  NodeId node_of(MatBuilder& b, const DagLayer& layer, const std::vector<NodeId>& in) const {
    if (layer.type == "Conv") return b.conv(in[0], parameter(layer, 0), parameter(layer, 1));
    if (layer.type == "BatchNorm") {
      return b.batch_norm(in[0], parameter(layer, 0), parameter(layer, 1), parameter(layer, 2));
    }
    if (layer.type == "Pooling") return b.pool(in[0], "poolSize");
    if (layer.type == "ReLU") return b.relu(in[0]);
    if (layer.type == "LRN") return b.lrn(in[0]);
    if (layer.type == "DropOut") return b.dropout(in[0]);
    if (layer.type == "SoftMax") return b.softmax(in[0]);
    if (layer.type == "Sum") return b.sum(in);
    if (layer.type == "Concat") return b.concat(in);
    b.complain("this type of layer is not supported");
    return in[0];
  }

  const std::string& file_;
  MatValue nothing_;  // a struct without fields
  std::vector<DagLayer> layers_;
  std::map<std::string, const MatValue*> values_;
  std::string input_;
};

Source source_of(const std::vector<MatValue>& variables, const std::string& path) {
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
  const bool dag = layers != nullptr && layers->kind == MatValue::Kind::kStruct;
  if (!dag && (layers == nullptr || layers->kind != MatValue::Kind::kCell)) {
    throw Error(ErrorKind::kInput, "no MatConvNet net")
        .at(path)
        .expected("a cell array 'layers' (SimpleNN) or a struct array (DagNN)");
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
  source.files = {path};
  source.rgb = true;
  MatBuilder builder(input_shape(*meta, path), path);
  if (dag) {
    Dag(*layers, find("params"), path).build(builder, source);
  } else {
    NodeId at = 0;
    for (const MatValue& layer : layers->cells) at = simple_layer(builder, at, layer);
    builder.stop();
    builder.finish(source, {});
  }
  source.preprocess = preprocess(*meta, *source.graph, source.notes);
  source.labels = labels(*meta, *source.graph);
  return source;
}

}  // namespace

bool detect_matconvnet(std::span<const Candidate> files) {
  return files.size() == 1 && (is_mat_file(files[0].head) || is_mat_hdf5(files[0].head));
}

Source read_matconvnet(std::span<const Candidate> files) {
  if (files.size() != 1) throw Error(ErrorKind::kUsage, "MatConvNet's files").expected("one file");
  if (is_mat_hdf5(files[0].head)) return source_of(read_mat_hdf5(files[0].path), files[0].path);
  return matconvnet_source(std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path)));
}

Source matconvnet_source(std::shared_ptr<const BinaryFile> file) {
  const std::string path = file->path();
  return source_of(read_mat_file(std::move(file)), path);
}

}  // namespace cutaway::weights
