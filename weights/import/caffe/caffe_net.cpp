#include "weights/import/caffe/caffe_net.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"
#include "weights/preprocess_presets.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostLayers = 20'000;
constexpr std::int64_t kMostExtent = 1 << 20;

/// V1 named types by constants.
std::string modern_type(const std::string& type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 26> kTypes{
      {{"ACCURACY", "Accuracy"},
       {"BNLL", "BNLL"},
       {"CONCAT", "Concat"},
       {"CONVOLUTION", "Convolution"},
       {"DATA", "Data"},
       {"DECONVOLUTION", "Deconvolution"},
       {"DROPOUT", "Dropout"},
       {"DUMMY_DATA", "DummyData"},
       {"ELTWISE", "Eltwise"},
       {"EUCLIDEAN_LOSS", "EuclideanLoss"},
       {"EXP", "Exp"},
       {"FLATTEN", "Flatten"},
       {"HDF5_DATA", "HDF5Data"},
       {"IMAGE_DATA", "ImageData"},
       {"INNER_PRODUCT", "InnerProduct"},
       {"LRN", "LRN"},
       {"MEMORY_DATA", "MemoryData"},
       {"POOLING", "Pooling"},
       {"POWER", "Power"},
       {"RELU", "ReLU"},
       {"SIGMOID", "Sigmoid"},
       {"SILENCE", "Silence"},
       {"SOFTMAX", "Softmax"},
       {"SOFTMAX_LOSS", "SoftmaxWithLoss"},
       {"SPLIT", "Split"},
       {"TANH", "TanH"}}};
  for (const auto& [old, name] : kTypes) {
    if (type == old) return std::string(name);
  }
  return type;
}

class NetReader {
 public:
  NetReader(const TextMessage& text, const std::string& file, std::int64_t channels)
      : text_(text), file_(file), channels_(channels) {}

  CaffeNet run() {
    list_layers();
    find_input();
    keep_what_matters();
    return std::move(net_);
  }

 private:
  void complain(const CaffeDescription& d) {
    net_.complaints.layer =
        d.name + " (" + d.type + ", line " + std::to_string(d.message->line()) + ")";
  }

  // --- reading ---------------------------------------------------------------------------------

  static bool applies(const TextMessage& rule) {
    const std::string phase = rule.text("phase", "TEST");
    // A stage or level is only set by whoever trains.
    return (phase == "TEST" || phase == "1") && rule.texts("stage").empty() &&
           rule.integer("min_level", 0, -1000, 1000) <= 0;
  }

  static bool in_test_phase(const TextMessage& layer) {
    const std::vector<const TextMessage*> includes = layer.messages("include");
    const std::vector<const TextMessage*> excludes = layer.messages("exclude");
    const auto hits = [](const TextMessage* rule) { return applies(*rule); };
    if (!includes.empty()) return std::any_of(includes.begin(), includes.end(), hits);
    return std::none_of(excludes.begin(), excludes.end(), hits);
  }

  void list_layers() {
    text_.ignore({"name", "force_backward", "state", "debug_info"});
    const std::vector<const TextMessage*> old = text_.messages("layers");
    const std::vector<const TextMessage*> now = text_.messages("layer");
    if (!old.empty() && !now.empty()) {
      throw Error(ErrorKind::kInput, "both 'layer' and 'layers'").at(file_);
    }
    if (old.size() + now.size() > kMostLayers)
      throw Error(ErrorKind::kInput, "too many layers").at(file_);
    for (const TextMessage* m : old.empty() ? now : old) {
      if (m->has("layer")) {
        throw Error(ErrorKind::kUnsupported, "layers of Caffe's first format (V0)")
            .at(file_ + ":" + std::to_string(m->line()))
            .hint("Caffe's upgrade_net_proto_text turns them into today's");
      }
      CaffeDescription d{m, m->text("name", ""), modern_type(m->text("type", "")),
                         m->texts("bottom"), m->texts("top")};
      m->ignore(
          {"param", "blobs_lr", "weight_decay", "loss_weight", "propagate_down", "phase", "blobs"});
      if (in_test_phase(*m)) net_.layers.push_back(std::move(d));
    }
    if (net_.layers.empty()) {
      throw Error(ErrorKind::kInput, "no layers").at(file_).expected("a Caffe prototxt of a net");
    }
  }

  static bool is_data(const std::string& type) {
    return type == "Data" || type == "ImageData" || type == "HDF5Data" || type == "MemoryData" ||
           type == "DummyData" || type == "Input" || type == "WindowData";
  }

  void set_input(const std::vector<std::int64_t>& extents, const std::string& blob) {
    if (extents.size() != 4) {
      throw Error(ErrorKind::kInput, "extents of the input '" + blob + "'")
          .at(file_)
          .expected("4: images, channels, height, width")
          .got(std::to_string(extents.size()));
    }
    net_.input = {1, extents[1], extents[2], extents[3]};
    net_.input_blobs.insert(blob);
    has_input_ = true;
  }

  void find_input() {
    const std::vector<std::string> inputs = text_.texts("input");
    const std::vector<std::int64_t> extents = text_.integers("input_dim", 1, kMostExtent);
    const std::vector<const TextMessage*> shapes = text_.messages("input_shape");
    if (inputs.size() > 1) throw Error(ErrorKind::kUnsupported, "several inputs").at(file_);
    if (inputs.size() == 1) {
      set_input(shapes.empty() ? extents : shapes[0]->integers("dim", 1, kMostExtent), inputs[0]);
    }
    for (const CaffeDescription& d : net_.layers) {
      if (is_data(d.type)) data_layer(d);
    }
    std::erase_if(net_.layers, [](const CaffeDescription& d) { return is_data(d.type); });
    if (!has_input_) {
      throw Error(ErrorKind::kInput, "the file does not say how large the input is")
          .at(file_)
          .expected("an Input layer, input_dim, or a data layer with crop_size")
          .hint("use the deploy.prototxt of this net");
    }
    for (const std::string& field : text_.unread()) net_.complaints.lines.push_back(field);
  }

  void data_layer(const CaffeDescription& d) {
    if (d.tops.empty()) return;
    complain(d);
    // What follows the first top is the labels.
    for (std::size_t i = 1; i < d.tops.size(); ++i) net_.labels.insert(d.tops[i]);
    const auto shape = [&](const char* parameters) {
      const std::vector<const TextMessage*> all = d.message->message(parameters).messages("shape");
      return all.empty() ? std::vector<std::int64_t>{} : all[0]->integers("dim", 1, kMostExtent);
    };
    if (d.type == "Input" || d.type == "DummyData") {
      set_input(shape(d.type == "Input" ? "input_param" : "dummy_data_param"), d.tops[0]);
      return;
    }
    if (d.type == "MemoryData") {
      const TextMessage& p = d.message->message("memory_data_param");
      set_input({1, p.integer("channels", 3, 1, kMostExtent),
                 p.integer("height", 1, 1, kMostExtent), p.integer("width", 1, 1, kMostExtent)},
                d.tops[0]);
      return;
    }
    const TextMessage& p = d.message->message("transform_param");
    const std::int64_t crop = p.integer("crop_size", 0, 0, kMostExtent);
    const std::vector<double> mean = p.numbers("mean_value");
    // One mean is that of all channels, so it does not say how many there are.
    const bool grey = channels_ == 1 || (channels_ == 0 && mean.size() == 1);
    if (crop > 0) set_input({1, grey ? 1 : 3, crop, crop}, d.tops[0]);
    if (crop > 0 && p.text("mean_file", "").empty())
      net_.preprocess = preprocess(p, mean, crop, grey);
    if (crop == 0) net_.input_blobs.insert(d.tops[0]);
  }

  static Preprocess preprocess(const TextMessage& p,
                               const std::vector<double>& mean,
                               std::int64_t crop,
                               bool grey) {
    Preprocess rule = caffe_preprocess(static_cast<std::int32_t>(crop), {0.0F, 0.0F, 0.0F});
    if (grey) rule.order = ColorOrder::kGray;
    // Caffe scales after the mean is subtracted (data_transformer.cpp).
    rule.scale = static_cast<float>(p.number("scale", 1.0));
    for (std::size_t c = 0; c < (grey ? 1U : 3U) && !mean.empty(); ++c) {
      rule.mean[c] = static_cast<float>(mean[c < mean.size() ? c : 0]) * rule.scale;
    }
    return rule;
  }

  // --- what the output depends on ----------------------------------------------------------------

  static bool is_bookkeeping(const std::string& type) {
    return type == "Accuracy" || type == "Silence";
  }

  static bool is_loss(const std::string& type) {
    return type.ends_with("Loss") && type != "SoftmaxWithLoss";
  }

  /// The last layer that is no bookkeeping makes the output; what it does not depend on is left
  /// out.
  void keep_what_matters() {
    std::erase_if(net_.layers, [&](const CaffeDescription& d) {
      const bool drop = is_bookkeeping(d.type);
      if (drop) net_.left_out.push_back(d.name);
      return drop;
    });
    for (const CaffeDescription& d : net_.layers) {
      if (!is_loss(d.type)) continue;
      complain(d);
      net_.complaints.add("this loss has no output of its own: use the deploy.prototxt");
    }
    stop_on(net_.complaints, file_);
    if (net_.layers.empty()) throw Error(ErrorKind::kInput, "the net has no layers").at(file_);
    std::vector<bool> needed(net_.layers.size(), false);
    std::set<std::string> wanted;
    needed.back() = true;
    for (std::size_t i = net_.layers.size(); i-- > 0;) {
      const CaffeDescription& d = net_.layers[i];
      for (const std::string& top : d.tops) needed[i] = needed[i] || wanted.contains(top);
      if (!needed[i]) continue;
      // In place, the layer before writes the same blob.
      for (const std::string& top : d.tops) wanted.erase(top);
      wanted.insert(d.bottoms.begin(), d.bottoms.end());
    }
    std::vector<CaffeDescription> kept;
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      if (needed[i]) {
        kept.push_back(net_.layers[i]);
      } else {
        net_.left_out.push_back(net_.layers[i].name);
      }
    }
    net_.layers = std::move(kept);
  }

  const TextMessage& text_;
  const std::string& file_;
  std::int64_t channels_;
  CaffeNet net_;
  bool has_input_{false};
};

}  // namespace

CaffeNet caffe_net(const TextMessage& net, const std::string& file, std::int64_t channels) {
  return NetReader(net, file, channels).run();
}

void stop_on(const CaffeComplaints& complaints, const std::string& file) {
  if (complaints.lines.empty()) return;
  std::string all =
      std::to_string(complaints.lines.size()) + " thing(s) in this net that are not supported:";
  for (const std::string& line : complaints.lines) all += "\n  " + line;
  throw Error(ErrorKind::kUnsupported, all).at(file);
}

}  // namespace cutaway::weights
