#include "weights/export/onnx.h"

#include <limits>
#include <map>
#include <vector>

#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/export/protobuf_writer.h"
#include "weights/labels.h"
#include "weights/preprocess_json.h"

/// Packages as ONNX models (onnx.proto3): field numbers below are that file's.
namespace cutaway::weights {
namespace {

constexpr std::int64_t kIrVersion = 8, kOpset = 13;
constexpr std::int64_t kFloat = 1, kInt64 = 7;  // TensorProto.DataType
constexpr std::int64_t kMostInteger = std::int64_t{1} << 40;

/// A tensor of the graph: what stands before its numbers, and the numbers.
struct Initializer {
  ProtobufMessage head;
  std::span<const float> values;
};

/// What an operator is called, and its attributes.
struct Operator {
  std::string type;
  ProtobufMessage attributes;  // field 5 of NodeProto, one each

  void integer(const char* name, std::int64_t value) {
    ProtobufMessage a;
    a.text(1, name);
    a.integer(3, value);
    a.integer(20, 2);
    attributes.message(5, a);
  }
  void number(const char* name, double value) {
    ProtobufMessage a;
    a.text(1, name);
    a.number(2, static_cast<float>(value));
    a.integer(20, 1);
    attributes.message(5, a);
  }
  void integers(const char* name, const std::vector<std::int64_t>& values) {
    ProtobufMessage a;
    a.text(1, name);
    for (const std::int64_t v : values) a.integer(8, v);
    a.integer(20, 7);
    attributes.message(5, a);
  }
  void text(const char* name, const std::string& value) {
    ProtobufMessage a;
    a.text(1, name);
    a.text(4, value);
    a.integer(20, 3);
    attributes.message(5, a);
  }
};

class Writer {
 public:
  explicit Writer(const Package& package) : package_(package), graph_(package.model.graph) {}

  void write(const std::string& path) {
    names_.assign(static_cast<std::size_t>(graph_.size()), "");
    flat_.assign(names_.size(), false);
    for (NodeId id = 0; id < graph_.size(); ++id) add(id);
    if (!problems_.empty()) {
      throw Error(ErrorKind::kUnsupported, "layers that ONNX has no operator for:" + problems_)
          .at(path);
    }
    save(path);
  }

 private:
  static std::size_t index(NodeId id) { return static_cast<std::size_t>(id); }

  void add(NodeId id) {
    const Node& node = graph_.node(id);
    names_[index(id)] = node.name;
    if (id == 0) return;
    const std::string type(node.layer->type());
    bool flat = type == "dense";
    for (const NodeId from : node.inputs) flat = flat || flat_[index(from)];
    // A vector is the row of a matrix in ONNX, and maps of 1 x 1 are not: all inputs are made the
    // one or the other.
    std::vector<std::string> inputs;
    for (const NodeId from : node.inputs) {
      const bool turn = flat && !flat_[index(from)];
      inputs.push_back(turn ? flattened(from, node.name) : names_[index(from)]);
    }
    flat_[index(id)] = flat || type == "flatten";
    const Operator op = type == "conv" || type == "dense" || type == "batch_norm"
                            ? weighted(id, type, inputs)
                            : unweighted(node, type, inputs);
    if (op.type.empty()) problems_ += "\n  " + node.name + " (" + type + ")";
    emit(node.name, op, inputs);
  }

  void emit(const std::string& name, const Operator& op, const std::vector<std::string>& inputs) {
    ProtobufMessage node;
    for (const std::string& input : inputs) node.text(1, input);
    node.text(2, name);
    node.text(3, name);
    node.text(4, op.type);
    node.append(op.attributes);
    nodes_.message(1, node);
  }

  std::string flattened(NodeId from, const std::string& reader) {
    Operator op{"Flatten", {}};
    op.integer("axis", 1);
    const std::string name = names_[index(from)] + "/flat/" + reader;
    emit(name, op, {names_[index(from)]});
    return name;
  }

  Operator weighted(NodeId id, const std::string& type, std::vector<std::string>& inputs) {
    const Attributes a = graph_.node(id).layer->attributes();
    Operator op;
    if (type == "conv") {
      op.type = "Conv";
      describe_window(a, op);
      op.integers("dilations", {get(a, "dilation_h"), get(a, "dilation_w")});
      op.integer("group", get(a, "groups"));
    } else if (type == "dense") {
      op.type = "Gemm";
      op.integer("transB", 1);
    } else {
      op.type = "BatchNormalization";
      op.number("epsilon", a.number("eps", 0));
    }
    const std::vector<ParameterSpec> specs = graph_.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const Shape& s = specs[i].shape;
      std::vector<std::int64_t> extents{s.c};
      if (specs[i].name == "weight") extents = {s.n, s.c, s.h, s.w};
      if (specs[i].name == "weight" && type == "dense") extents = {s.n, s.c};
      const std::string name = graph_.node(id).name + "." + specs[i].name;
      initializers_.push_back(
          {tensor(name, kFloat, extents), package_.model.parameters.of(id)[i].f32()});
      inputs.push_back(name);
    }
    return op;
  }

  Operator unweighted(const cutaway::Node& node,
                      const std::string& type,
                      std::vector<std::string>& inputs) {
    const Attributes a = node.layer->attributes();
    static const std::map<std::string, const char*> kNames{
        {"relu", "Relu"},
        {"leaky_relu", "LeakyRelu"},
        {"clip", "Clip"},
        {"max_pool", "MaxPool"},
        {"average_pool", "AveragePool"},
        {"global_average_pool", "GlobalAveragePool"},
        {"global_max_pool", "GlobalMaxPool"},
        {"lrn", "LRN"},
        {"concat", "Concat"},
        {"add", "Sum"},
        {"dropout", "Dropout"},
        {"flatten", "Flatten"},
        {"softmax", "Softmax"},
        {"pad", "Pad"}};
    const auto found = kNames.find(type);
    if (found == kNames.end()) return {};
    Operator op{found->second, {}};
    if (type == "add" && inputs.size() == 2) op.type = "Add";
    if (type == "softmax" && a.flag("log", false)) op.type = "LogSoftmax";
    if (type == "leaky_relu") op.number("alpha", a.number("slope", 0));
    if (type == "clip") {
      inputs.push_back(add_float(node.name + ".min", a.number("low", 0)));
      inputs.push_back(add_float(node.name + ".max", a.number("high", 0)));
    }
    if (type == "dropout") inputs.push_back(add_float(node.name + ".ratio", a.number("rate", 0)));
    if (type == "max_pool" || type == "average_pool") {
      describe_window(a, op);
      op.integer("ceil_mode", a.flag("ceil_mode", false) ? 1 : 0);
    }
    if (type == "average_pool")
      op.integer("count_include_pad", a.flag("count_padding", true) ? 1 : 0);
    if (type == "lrn") {
      op.integer("size", get(a, "size"));
      op.number("alpha", a.number("alpha", 0));
      op.number("beta", a.number("beta", 0));
      op.number("bias", a.number("k", 0));
    }
    if (type == "concat" || type == "flatten" || type == "softmax") op.integer("axis", 1);
    if (type == "pad") {
      const std::string mode = a.text("mode", "zero");
      op.text("mode", mode == "zero" ? "constant" : mode);  // reflect and edge are ONNX's names too
      inputs.push_back(add_integers(node.name + ".pads", {0, 0, get(a, "top"), get(a, "left"), 0, 0,
                                                          get(a, "bottom"), get(a, "right")}));
    }
    return op;
  }

  static std::int64_t get(const Attributes& a, const char* name) {
    return a.integer(name, 0, kMostInteger);
  }

  static void describe_window(const Attributes& a, Operator& op) {
    op.integers("kernel_shape", {get(a, "kernel_h"), get(a, "kernel_w")});
    op.integers("strides", {get(a, "stride_h"), get(a, "stride_w")});
    op.integers("pads", {get(a, "pad_h"), get(a, "pad_w"), get(a, "pad_h"), get(a, "pad_w")});
  }

  static ProtobufMessage tensor(const std::string& name,
                                std::int64_t type,
                                const std::vector<std::int64_t>& extents) {
    ProtobufMessage t;
    for (const std::int64_t e : extents) t.integer(1, e);
    t.integer(2, type);
    t.text(8, name);
    return t;
  }
  std::string add_float(const std::string& name, double value) {
    ProtobufMessage t = tensor(name, kFloat, {});
    ProtobufMessage packed;
    packed.number(1, static_cast<float>(value));
    t.text(4, std::string_view(packed.bytes()).substr(1));  // without the tag: float_data is packed
    constants_.message(5, t);
    return name;
  }
  std::string add_integers(const std::string& name, const std::vector<std::int64_t>& values) {
    ProtobufMessage t = tensor(name, kInt64, {static_cast<std::int64_t>(values.size())});
    for (const std::int64_t v : values) t.integer(7, v);
    constants_.message(5, t);
    return name;
  }

  [[nodiscard]] static ProtobufMessage value_info(const std::string& name,
                                                  const Shape& s,
                                                  bool flat) {
    ProtobufMessage batch, shape, type, value, any;
    batch.text(2, "N");
    shape.message(1, batch);
    for (const std::int64_t extent : {s.c, s.h, s.w}) {
      ProtobufMessage e;
      e.integer(1, extent);
      shape.message(1, e);
      if (flat) break;
    }
    type.integer(1, kFloat);
    type.message(2, shape);
    any.message(1, type);
    value.text(1, name);
    value.message(2, any);
    return value;
  }

  [[nodiscard]] static ProtobufMessage metadata(const std::string& key, const std::string& text) {
    ProtobufMessage entry;
    entry.text(1, key);
    entry.text(2, text);
    return entry;
  }

  // The graph's length comes before its contents, and the weights are too large to be copied:
  // lengths first.
  void save(const std::string& path) {
    const NodeId last = graph_.last();
    ProtobufMessage front = nodes_;
    front.text(2, "cutaway");
    front.append(constants_);
    ProtobufMessage behind;
    behind.message(11, value_info(names_[0], graph_.node(0).shape, false));
    behind.message(12,
                   value_info(names_[index(last)], graph_.node(last).shape, flat_[index(last)]));
    std::uint64_t length = front.bytes().size() + behind.bytes().size();
    std::vector<std::string> heads;
    for (const Initializer& t : initializers_) {
      ProtobufMessage raw, whole;
      raw.header(9, t.values.size_bytes());
      whole.header(5, t.head.bytes().size() + raw.bytes().size() + t.values.size_bytes());
      heads.push_back(whole.bytes() + t.head.bytes() + raw.bytes());
      length += heads.back().size() + t.values.size_bytes();
    }
    const ProtobufMessage start = model_fields(length);
    if (length + start.bytes().size() >
        static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) {
      throw Error(ErrorKind::kUnsupported,
                  "a model of more than 2 GiB, which Protocol Buffers cannot hold")
          .at(path);
    }
    files::AtomicFile target(path);
    std::uint64_t at = 0;
    const auto put = [&](std::string_view bytes) {
      target.write_at(at, std::as_bytes(std::span(bytes)));
      at += bytes.size();
    };
    put(start.bytes());
    put(front.bytes());
    for (std::size_t i = 0; i < heads.size(); ++i) {
      put(heads[i]);
      const auto bytes = std::as_bytes(initializers_[i].values);
      put({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    put(behind.bytes());
    target.commit();
  }

  [[nodiscard]] ProtobufMessage model_fields(std::uint64_t graph_bytes) const {
    ProtobufMessage model, opset;
    model.integer(1, kIrVersion);
    model.text(2, "cutaway");
    model.text(3, CUTAWAY_VERSION);
    opset.text(1, "");
    opset.integer(2, kOpset);
    model.message(8, opset);
    model.message(14, metadata("cutaway.preprocess", to_json(package_.preprocess)));
    if (!package_.labels.empty())
      model.message(14, metadata("cutaway.labels", join_labels(package_.labels)));
    model.header(7, graph_bytes);
    return model;
  }

  const Package& package_;
  const Graph& graph_;
  std::vector<std::string> names_;  // of each node's value
  std::vector<bool> flat_;          // which of them are rows of a matrix
  ProtobufMessage nodes_, constants_;
  std::string problems_;
  std::vector<Initializer> initializers_;
};

}  // namespace

void export_onnx(const Package& package, const std::string& path) { Writer(package).write(path); }

}  // namespace cutaway::weights
