#include "capi/cutaway.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>

#include "capi/json_options.h"
#include "explain/method.h"
#include "explain/network.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/colormap.h"
#include "explain/runs/explain_picture.h"
#include "explain/runs/explain_run.h"
#include "explain/runs/load_network.h"
#include "runtime/config.h"
#include "runtime/error.h"

namespace {

using namespace cutaway;
using explain::PictureExplainer;

thread_local std::string last_error;

cutaway_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return CUTAWAY_USAGE;
    case ErrorKind::kInput:
      return CUTAWAY_INPUT;
    case ErrorKind::kShape:
      return CUTAWAY_SHAPE;
    case ErrorKind::kUnsupported:
      return CUTAWAY_UNSUPPORTED;
    case ErrorKind::kDevice:
      return CUTAWAY_DEVICE;
    case ErrorKind::kMemory:
      return CUTAWAY_MEMORY;
    case ErrorKind::kMismatch:
    case ErrorKind::kInternal:
      break;
  }
  return CUTAWAY_INTERNAL;
}

cutaway_status failed(cutaway_status status, const char* what) noexcept {
  try {
    last_error = what;
  } catch (...) {
    last_error.clear();  // no memory even for the words
  }
  return status;
}

/// Nothing passes to a caller who knows no exceptions.
template <class Body>
cutaway_status guarded(const Body& body) noexcept {
  try {
    body();
    return CUTAWAY_OK;
  } catch (const Error& error) {
    return failed(status_of(error.kind()), error.what());
  } catch (const Cancelled&) {
    return failed(CUTAWAY_CANCELLED, "cancelled");
  } catch (const std::bad_alloc&) {
    return failed(CUTAWAY_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return failed(CUTAWAY_INTERNAL, error.what());
  } catch (...) {
    return failed(CUTAWAY_INTERNAL, "an exception of unknown type");
  }
}

template <class T>
T& given(T* pointer, const char* name) {
  if (pointer == nullptr) throw Error(ErrorKind::kUsage, std::string(name) + " is NULL");
  return *pointer;
}

std::string text_given(const char* text, const char* name) { return &given(text, name); }

class Callback final : public Observer {
 public:
  Callback(cutaway_progress hear, void* user) : progress_(hear), user_(user) {}
  void progress(std::string_view task, double done, double total) override {
    if (progress_ != nullptr && progress_(user_, std::string(task).c_str(), done, total) != 0)
      stop_ = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

 private:
  cutaway_progress progress_;
  void* user_;
  std::atomic<bool> stop_{false};
};

nlohmann::json json_of(const Attributes::Value& value) {
  return std::visit([](const auto& v) { return nlohmann::json(v); }, value);
}

std::string methods_json() {
  const auto type_name = [](explain::OptionType type) {
    switch (type) {
      case explain::OptionType::kFlag:
        return "flag";
      case explain::OptionType::kInteger:
        return "integer";
      case explain::OptionType::kNumber:
        return "number";
      case explain::OptionType::kWord:
        return "word";
      case explain::OptionType::kPerChannel:
        return "per_channel";
      case explain::OptionType::kText:
        break;
    }
    return "text";
  };
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const std::string& name : explain::method_names()) {
    const explain::MethodFacts& facts = explain::method_facts(name);
    nlohmann::ordered_json options = nlohmann::ordered_json::array();
    for (const explain::OptionFact& o : facts.options) {
      nlohmann::ordered_json option{{"name", o.name}, {"type", type_name(o.type)}};
      if (o.otherwise) option["default"] = json_of(*o.otherwise);
      if (std::isfinite(o.least)) option["least"] = o.least;
      if (std::isfinite(o.most)) option["most"] = o.most;
      if (!o.words.empty()) option["words"] = o.words;
      option["help"] = o.help;
      options.push_back(std::move(option));
    }
    all.push_back({{"name", name},
                   {"summary", facts.summary},
                   {"source", facts.source},
                   {"layer", facts.layer != explain::LayerUse::kNone},
                   {"options", options}});
  }
  return all.dump();
}

}  // namespace

struct cutaway_image {
  explain::Image image;
};

struct cutaway_map {
  explain::MapCell cell;
};

struct cutaway_model {
  explicit cutaway_model(weights::Package p) : package(std::move(p)) {
    const std::int64_t classes = class_count(package.model.graph);
    for (std::int64_t k = 0; k < classes; ++k) labels.push_back(explain::label_name(package, k));
  }

  /// An explainer for one call; back in the pool when the call is over, for the next one.
  class Lent {
   public:
    Lent(cutaway_model& model, const explain::MethodChoice& method, const std::string& layer)
        : model_(model) {
      nlohmann::json options = nlohmann::json::object();
      for (const auto& [name, value] : method.options.values()) options[name] = json_of(value);
      key_ = nlohmann::json{method.name, layer, options}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace);
      const std::lock_guard lock(model.mutex_);
      const auto found = model.idle_.find(key_);
      if (found != model.idle_.end()) {
        explainer_ = std::move(found->second);
        model.idle_.erase(found);
      }
    }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    ~Lent() {
      if (!explainer_) return;
      // What a pool of plans holds is memory of activations.
      constexpr std::size_t kMostIdle = 8;
      const std::lock_guard lock(model_.mutex_);
      try {
        if (model_.idle_.size() >= kMostIdle) model_.idle_.erase(model_.idle_.begin());
        model_.idle_.emplace(key_, std::move(explainer_));
      } catch (...) {
        explainer_.reset();  // made again by the next call
      }
    }
    PictureExplainer& get(const explain::MethodChoice& method, const std::string& layer) {
      if (!explainer_) {
        explainer_ = std::make_unique<PictureExplainer>(model_.package, method, layer,
                                                        explain::RunContext(model_.settings));
      }
      return *explainer_;
    }

   private:
    cutaway_model& model_;
    std::string key_;
    std::unique_ptr<PictureExplainer> explainer_;
  };

  weights::Package package;
  explain::RunSettings settings;
  std::vector<std::string> labels;

 private:
  std::mutex mutex_;
  std::multimap<std::string, std::unique_ptr<PictureExplainer>> idle_;
};

const char* cutaway_version(void) { return CUTAWAY_VERSION; }
int cutaway_api_version(void) { return CUTAWAY_API_VERSION; }
const char* cutaway_last_error(void) { return last_error.c_str(); }

const char* cutaway_methods(void) {
  static const std::string all = methods_json();
  return all.c_str();
}

cutaway_status cutaway_model_load(const char* path, const char* options, cutaway_model** model) {
  return guarded([&] {
    cutaway_model*& out = given(model, "model");
    capi::Options o(options, "cutaway_model_load");
    explain::RunSettings settings;
    settings.device = o.text("device", settings.device);
    settings.engine = o.text("engine", settings.engine);
    settings.threads = static_cast<int>(o.integer("threads", 0, 0, 1024));
    settings.seed = static_cast<std::uint64_t>(
        o.integer("seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
    o.expect_all_read();
    (void)settings.stream();
    (void)settings.engines();
    auto made = std::make_unique<cutaway_model>(explain::load_network(text_given(path, "path")));
    made->settings = settings;
    out = made.release();
  });
}

void cutaway_model_free(cutaway_model* model) { delete model; }

int64_t cutaway_model_classes(const cutaway_model* model) {
  return model == nullptr ? 0 : static_cast<std::int64_t>(model->labels.size());
}

const char* cutaway_model_label(const cutaway_model* model, int64_t label) {
  if (label < 0 || label >= cutaway_model_classes(model)) return nullptr;
  return model->labels[static_cast<std::size_t>(label)].c_str();
}

cutaway_status cutaway_image_read(const char* path, cutaway_image** image) {
  return guarded([&] {
    cutaway_image*& out = given(image, "image");
    out = new cutaway_image{explain::read_image(text_given(path, "path"))};
  });
}

cutaway_status cutaway_image_decode(const void* bytes, size_t size, cutaway_image** image) {
  return guarded([&] {
    cutaway_image*& out = given(image, "image");
    if (bytes == nullptr) throw Error(ErrorKind::kUsage, "bytes is NULL");
    out = new cutaway_image{
        explain::decode_image({static_cast<const std::uint8_t*>(bytes), size}, "picture")};
  });
}

cutaway_status cutaway_image_from_rgb(
    const uint8_t* rgb, int width, int height, size_t stride, cutaway_image** image) {
  return guarded([&] {
    cutaway_image*& out = given(image, "image");
    (void)given(rgb, "rgb");
    constexpr int kMostSide = 1 << 16;
    if (width < 1 || height < 1 || width > kMostSide || height > kMostSide) {
      throw Error(ErrorKind::kUsage, "extents of a picture")
          .expected("1 to 65536")
          .got(std::to_string(width) + " x " + std::to_string(height));
    }
    const std::size_t row = 3 * static_cast<std::size_t>(width);
    const std::size_t step = stride == 0 ? row : stride;
    if (step < row) {
      throw Error(ErrorKind::kUsage, "stride")
          .expected("0, or at least " + std::to_string(row))
          .got(std::to_string(stride));
    }
    auto made = std::make_unique<cutaway_image>();
    made->image = explain::make_image(width, height);
    for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
      std::memcpy(made->image.rgb.data() + y * row, rgb + y * step, row);
    out = made.release();
  });
}

void cutaway_image_free(cutaway_image* image) { delete image; }
int cutaway_image_width(const cutaway_image* image) {
  return image == nullptr ? 0 : image->image.width;
}
int cutaway_image_height(const cutaway_image* image) {
  return image == nullptr ? 0 : image->image.height;
}
const uint8_t* cutaway_image_rgb(const cutaway_image* image) {
  return image == nullptr ? nullptr : image->image.rgb.data();
}

cutaway_status cutaway_image_write_png(const cutaway_image* image, const char* path) {
  return guarded(
      [&] { explain::write_png(text_given(path, "path"), given(image, "image").image); });
}

cutaway_status cutaway_classify(cutaway_model* model,
                                const cutaway_image* image,
                                double* probabilities,
                                size_t count) {
  return guarded([&] {
    cutaway_model& net = given(model, "model");
    const cutaway_image& photo = given(image, "image");
    (void)given(probabilities, "probabilities");
    if (count != net.labels.size()) {
      throw Error(ErrorKind::kUsage, "count of probabilities")
          .expected(std::to_string(net.labels.size()))
          .got(std::to_string(count));
    }
    // Any method will do: only its forward pass runs.
    const explain::MethodChoice method{"saliency", {}};
    cutaway_model::Lent lent(net, method, "");
    std::ranges::copy(lent.get(method, "").classify(photo.image), probabilities);
  });
}

cutaway_status cutaway_explain(cutaway_model* model,
                               const cutaway_image* image,
                               const char* method,
                               const char* options,
                               cutaway_map** map) {
  return guarded([&] {
    cutaway_model& net = given(model, "model");
    const cutaway_image& photo = given(image, "image");
    cutaway_map*& out = given(map, "map");
    capi::Options o(options, "cutaway_explain");
    const std::string target = o.target("target", "top1");
    const std::string layer = o.text("layer", "");
    const explain::MethodChoice choice{text_given(method, "method"), o.attributes("options")};
    o.expect_all_read();
    (void)explain::method_facts(choice.name);  // one method, no group of them
    cutaway_model::Lent lent(net, choice, layer);
    out = new cutaway_map{lent.get(choice, layer).explain(photo.image, target)};
  });
}

void cutaway_map_free(cutaway_map* map) { delete map; }
int64_t cutaway_map_channels(const cutaway_map* map) {
  return map == nullptr ? 0 : map->cell.channels;
}
int64_t cutaway_map_height(const cutaway_map* map) { return map == nullptr ? 0 : map->cell.height; }
int64_t cutaway_map_width(const cutaway_map* map) { return map == nullptr ? 0 : map->cell.width; }
const float* cutaway_map_values(const cutaway_map* map) {
  return map == nullptr ? nullptr : map->cell.values.data();
}
int64_t cutaway_map_target(const cutaway_map* map) {
  return map == nullptr ? -1 : map->cell.class_index;
}
const char* cutaway_map_layer(const cutaway_map* map) {
  return map == nullptr ? "" : map->cell.layer.c_str();
}
const char* cutaway_map_warning(const cutaway_map* map) {
  return map == nullptr ? "" : map->cell.warning.c_str();
}

cutaway_status cutaway_map_figure(const cutaway_model* model,
                                  const cutaway_map* map,
                                  const cutaway_image* image,
                                  const char* options,
                                  cutaway_image** figure) {
  return guarded([&] {
    cutaway_image*& out = given(figure, "figure");
    capi::Options o(options, "cutaway_map_figure");
    explain::PaintOptions paint;
    paint.colormap = explain::parse_colormap(o.text("colormap", "turbo"));
    paint.heat_weight = static_cast<float>(o.number("heat_weight", double{paint.heat_weight}));
    paint.clip = o.number("clip", paint.clip);
    o.expect_all_read();
    if (!(paint.heat_weight >= 0 && paint.heat_weight <= 1)) {
      throw Error(ErrorKind::kUsage, "heat_weight")
          .expected("0 to 1")
          .got(std::to_string(paint.heat_weight));
    }
    const explain::MapCell& cell = given(map, "map").cell;
    if (cell.values.empty()) throw Error(ErrorKind::kInput, cell.warning);
    out = new cutaway_image{explain::figure_of(cell, given(image, "image").image,
                                               given(model, "model").package.preprocess, paint)};
  });
}

cutaway_status cutaway_explain_files(
    cutaway_model* model, const char* job, cutaway_progress progress, void* user, char** report) {
  bool partial = false;
  const cutaway_status status = guarded([&] {
    cutaway_model& net = given(model, "model");
    capi::Options o(job, "cutaway_explain_files");
    explain::ExplainJob e;
    e.inputs = o.texts("inputs");
    e.methods = explain::methods_named(o.texts("methods"));
    e.out = o.text("out", "");
    e.targets = o.texts("targets");
    if (e.targets.empty()) e.targets = {"top1"};
    e.layers = o.texts("layers");
    e.source.recursive = o.flag("recursive", false);
    e.batch = o.integer("batch", e.batch, 1, 1024);
    e.resume = o.flag("resume", false);
    e.overwrite = o.flag("overwrite", false);
    e.report = o.flag("report", true);
    e.pictures = o.flag("pictures", true);
    e.raw = o.flag("raw", true);
    o.expect_all_read();
    if (e.inputs.empty() || e.methods.empty() || e.out.empty())
      throw Error(ErrorKind::kUsage, "cutaway_explain_files").expected("inputs, methods and out");
    Callback observer(progress, user);
    const explain::ExplainSummary s =
        explain::run_explain(e, net.package, explain::RunContext(net.settings, observer));
    if (report != nullptr) {
      char* text = new char[s.report.size() + 1];
      std::memcpy(text, s.report.c_str(), s.report.size() + 1);
      *report = text;
    }
    partial = !s.clean();
    if (partial) {
      last_error = s.failures.empty() ? (s.refusals.empty() ? "a map was refused" : s.refusals[0])
                                      : s.failures[0].second;
    }
  });
  return status == CUTAWAY_OK && partial ? CUTAWAY_PARTIAL : status;
}

void cutaway_text_free(char* text) { delete[] text; }
