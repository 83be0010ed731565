#include "explain/verify/reference.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_vet.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kMostText = 4096;
constexpr std::size_t kMostItems = 10'000;
constexpr std::size_t kMostElements = std::size_t{1} << 31;
constexpr std::int64_t kVersion = 1;

std::string text_of(const std::vector<std::int64_t>& extents) {
  std::string text;
  for (const std::int64_t e : extents) text += (text.empty() ? "" : "x") + std::to_string(e);
  return text.empty() ? "scalar" : text;
}

Attributes attributes_from(const std::string& text, const std::string& where) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorKind::kInput, "options of a map").at(where).expected("a JSON object");
  }
  Attributes options;
  for (const auto& [name, value] : json.items()) {
    if (value.is_boolean()) {
      options.set(name, value.get<bool>());
    } else if (value.is_number_integer()) {
      options.set(name, value.get<std::int64_t>());
    } else if (value.is_number()) {
      options.set(name, value.get<double>());
    } else if (value.is_string()) {
      options.set(name, value.get<std::string>());
    } else {
      throw Error(ErrorKind::kInput, "option '" + name + "' of a map").at(where);
    }
  }
  return options;
}

}  // namespace

Reference::Reference(const std::string& path) : path_(path) {
  weights::vet_hdf5(path, {}, [this] {
    open();
    for (const ReferenceItem& item : items_) {
      if (item.kind == ReferenceKind::kMap) (void)recipe(item);
    }
  });
  open();
}

void Reference::open() {
  file_ = std::make_unique<weights::Hdf5File>(weights::Hdf5File::open(path_));
  if (!file_->has_attribute("/", "cutaway_reference")) {
    throw Error(ErrorKind::kInput, "not a reference bundle")
        .at(path_)
        .expected("an attribute cutaway_reference at the root")
        .hint("the scripts in tools/verify record bundles; docs/verify.md has the format");
  }
  const std::int64_t version = file_->read_attribute_integer("/", "cutaway_reference");
  if (version != kVersion) {
    throw Error(ErrorKind::kUnsupported, "version of the reference bundle")
        .at(path_)
        .expected(std::to_string(kVersion))
        .got(std::to_string(version));
  }
  const auto text = [&](const char* name) {
    return file_->has_attribute("/", name) ? file_->read_attribute_text("/", name, kMostText)
                                           : std::string();
  };
  producer_ = text("producer");
  score_ = text("score");
  list();
  input_ = tensor("/input", false);
  read_targets();
}

Reference::~Reference() = default;
Reference::Reference(Reference&&) noexcept = default;
Reference& Reference::operator=(Reference&&) noexcept = default;

void Reference::list() {
  struct Room {
    const char* group;
    ReferenceKind kind;
  };
  constexpr Room kRooms[] = {{"/activations/", ReferenceKind::kActivation},
                             {"/gradients/", ReferenceKind::kGradient},
                             {"/maps/", ReferenceKind::kMap}};
  bool has_input = false;
  for (const std::string& dataset : file_->datasets("/", kMostItems)) {
    bool known = dataset == "/input" || dataset == "/targets" || dataset == "/pictures";
    has_input = has_input || dataset == "/input";
    if (dataset == "/pictures") items_.push_back({ReferenceKind::kInput, "/input", "input"});
    for (const Room& room : kRooms) {
      if (!dataset.starts_with(room.group)) continue;
      known = true;
      items_.push_back({room.kind, dataset, dataset.substr(std::string(room.group).size())});
    }
    if (!known) {
      throw Error(ErrorKind::kInput, "unknown dataset " + dataset)
          .at(path_)
          .expected("/input, /targets, /pictures, /activations/*, /gradients/*, /maps/*");
    }
  }
  if (!has_input) throw Error(ErrorKind::kInput, "no dataset /input").at(path_);
  if (items_.empty()) {
    throw Error(ErrorKind::kInput, "the bundle holds nothing to compare").at(path_);
  }
  std::stable_sort(items_.begin(), items_.end(), [](const auto& a, const auto& b) {
    return static_cast<int>(a.kind) < static_cast<int>(b.kind);
  });
}

void Reference::read_targets() {
  bool needed = false;
  for (const ReferenceItem& item : items_) {
    needed = needed || item.kind == ReferenceKind::kGradient || item.kind == ReferenceKind::kMap;
  }
  if (!needed) return;
  if (!file_->contains("/targets")) {
    throw Error(ErrorKind::kInput, "gradients and maps without /targets").at(path_);
  }
  const auto images = static_cast<std::size_t>(input_.shape().n);
  const std::vector<float> values = file_->read_f32("/targets", images);
  if (values.size() != images) {
    throw Error(ErrorKind::kInput, "/targets")
        .at(path_)
        .expected(std::to_string(images) + " classes, one an image")
        .got(std::to_string(values.size()));
  }
  for (const float v : values) {
    if (!(v >= 0.0f && v < 16'777'216.0f) || std::floor(v) != v) {
      throw Error(ErrorKind::kInput, "/targets: not a class number").at(path_);
    }
    targets_.push_back(static_cast<std::int64_t>(v));
  }
}

Tensor Reference::tensor(const std::string& dataset, bool map) const {
  const std::vector<std::int64_t> d = file_->describe(dataset).dims;
  Shape shape;
  if (d.size() == 4) {
    shape = {d[0], d[1], d[2], d[3]};
  } else if (d.size() == 3 && map) {
    shape = {d[0], 1, d[1], d[2]};
  } else if (d.size() == 2) {
    shape = {d[0], d[1], 1, 1};
  } else {
    throw Error(ErrorKind::kInput, "extents of " + dataset)
        .at(path_)
        .expected(map ? "N x H x W or N x C x H x W" : "N x C or N x C x H x W")
        .got(text_of(d));
  }
  return tensor_of(shape, file_->read_f32(dataset, kMostElements));
}

Tensor Reference::read(const ReferenceItem& item) const {
  Tensor t = tensor(item.dataset, item.kind == ReferenceKind::kMap);
  if (t.shape().n != input_.shape().n) {
    throw Error(ErrorKind::kInput, "number of images of " + item.dataset)
        .at(path_)
        .expected(std::to_string(input_.shape().n) + ", as in /input")
        .got(std::to_string(t.shape().n));
  }
  return t;
}

MapRecipe Reference::recipe(const ReferenceItem& map) const {
  const auto text = [&](const char* name) {
    return file_->has_attribute(map.dataset, name)
               ? file_->read_attribute_text(map.dataset, name, kMostText)
               : std::string();
  };
  MapRecipe recipe;
  recipe.method = text("method");
  if (recipe.method.empty()) recipe.method = map.name;
  recipe.layer = text("layer");
  const std::string options = text("options");
  if (!options.empty()) recipe.options = attributes_from(options, path_ + ":" + map.dataset);
  return recipe;
}

std::optional<Tensor> Reference::pictures() const {
  if (!file_->contains("/pictures")) return std::nullopt;
  const std::vector<std::int64_t> d = file_->describe("/pictures").dims;
  if (d.size() != 4 || d[0] != input_.shape().n || d[3] != 3) {
    throw Error(ErrorKind::kInput, "extents of /pictures")
        .at(path_)
        .expected("N x H x W x 3, N as in /input")
        .got(text_of(d));
  }
  return tensor_of({d[0], d[1], d[2], d[3]}, file_->read_f32("/pictures", kMostElements));
}

}  // namespace cutaway::explain
