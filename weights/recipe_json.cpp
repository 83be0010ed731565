#include "weights/recipe_json.h"

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

#include "runtime/error.h"
#include "weights/json.h"

namespace cutaway::weights {
namespace {

/// Names of an enumeration's values, in order.
template <class E>
struct Names;
template <>
struct Names<OptimizerOptions::Kind> {
  static constexpr std::array kAll{"sgd", "adam", "adamw"};
};
template <>
struct Names<ScheduleOptions::Kind> {
  static constexpr std::array kAll{"constant", "step", "cosine", "one_cycle", "plateau"};
};
template <>
struct Names<InitialWeights> {
  static constexpr std::array kAll{"he", "xavier", "gaussian"};
};

template <class E>
requires std::is_enum_v<E> E enum_from(const std::string& text, const std::string& where) {
  std::string all;
  for (std::size_t i = 0; i < Names<E>::kAll.size(); ++i) {
    if (text == Names<E>::kAll[i]) return static_cast<E>(i);
    all += (all.empty() ? "" : ", ") + std::string(Names<E>::kAll[i]);
  }
  throw Error(ErrorKind::kInput, "kind")
      .at(where)
      .expected(all)
      .got("'" + text.substr(0, 64) + "'");
}

/// The shortest decimal number that is this float: 0.1, not 0.10000000149011612.
double short_decimal(float v) {
  char text[32];
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(v));
    if (std::strtof(text, nullptr) == v) break;
  }
  return std::strtod(text, nullptr);
}

/// Writes the members it visits.
class Writer {
 public:
  template <class T>
  void operator()(const char* name, T& value) {
    if constexpr (std::is_enum_v<T>) {
      json_[name] = Names<T>::kAll[static_cast<std::size_t>(value)];
    } else if constexpr (std::is_same_v<T, float>) {
      json_[name] = short_decimal(value);
    } else if constexpr (std::is_array_v<T>) {
      json_[name] = {short_decimal(value[0]), short_decimal(value[1])};
    } else {
      json_[name] = value;
    }
  }
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

/// Reads those that are there.
class Reader {
 public:
  Reader(const Json& value, std::string where) : object_(value, where), where_(std::move(where)) {}

  template <class T>
  void operator()(const char* name, T& to) {
    if (object_.has(name)) read(name, to);
  }
  [[nodiscard]] JsonObject& object() { return object_; }

 private:
  template <class T>
  requires std::is_enum_v<T>
  void read(const char* name, T& to) { to = enum_from<T>(object_.text(name), where_); }
  void read(const char* name, float& to) { to = object_.number(name); }
  void read(const char* name, double& to) { to = finite(object_.member(name), name); }
  void read(const char* name, std::int64_t& to) {
    to = object_.integer(name, -(std::int64_t{1} << 53), std::int64_t{1} << 53);
  }
  void read(const char* name, std::uint64_t& to) {
    const Json& m = object_.member(name);
    if (!m.is_number_unsigned()) throw wrong(name, "an integer of 0 or more");
    to = m.get<std::uint64_t>();
  }
  void read(const char* name, bool& to) {
    const Json& m = object_.member(name);
    if (!m.is_boolean()) throw wrong(name, "true or false");
    to = m.get<bool>();
  }
  void read(const char* name, float (&to)[2]) {
    const Json& m = object_.array(name);
    if (m.size() != 2) throw wrong(name, "two numbers");
    for (std::size_t i = 0; i < 2; ++i) to[i] = static_cast<float>(finite(m[i], name));
  }
  void read(const char* name, std::vector<double>& to) {
    to.clear();
    for (const Json& m : object_.array(name)) to.push_back(finite(m, name));
  }
  void read(const char* name, std::vector<std::string>& to) {
    to.clear();
    for (const Json& m : object_.array(name)) {
      if (!m.is_string()) throw wrong(name, "a list of texts");
      to.push_back(m.get<std::string>());
    }
  }
  [[nodiscard]] double finite(const Json& m, const char* name) const {
    const double value = m.is_number() ? m.get<double>() : NAN;
    if (!std::isfinite(value)) throw wrong(name, "a finite number");
    return value;
  }
  [[nodiscard]] Error wrong(const char* name, const char* expected) const {
    return Error(ErrorKind::kInput, "setting '" + std::string(name) + "'")
        .at(where_)
        .expected(expected);
  }

  JsonObject object_;
  std::string where_;
};

// Every setting once, for both directions.

template <class Visitor>
void visit(Visitor& v, OptimizerOptions& o) {
  v("kind", o.kind);
  v("momentum", o.momentum);
  v("nesterov", o.nesterov);
  v("beta2", o.beta2);
  v("eps", o.eps);
  v("weight_decay", o.weight_decay);
  v("bias_decay", o.bias_decay);
  v("norm_decay", o.norm_decay);
  v("clip_norm", o.clip_norm);
  v("clip_value", o.clip_value);
}

template <class Visitor>
void visit(Visitor& v, ScheduleOptions& o) {
  v("kind", o.kind);
  v("rate", o.rate);
  v("warmup", o.warmup);
  v("factor", o.factor);
  v("every", o.every);
  v("milestones", o.milestones);
  v("final_rate", o.final_rate);
  v("rise", o.rise);
  v("start_divisor", o.start_divisor);
  v("final_divisor", o.final_divisor);
  v("patience", o.patience);
  v("threshold", o.threshold);
}

template <class Visitor>
void visit(Visitor& v, Augmentation& a) {
  v("crop", a.crop);
  v("crop_area", a.crop_area);
  v("crop_aspect", a.crop_aspect);
  v("flip", a.flip);
  v("shift", a.shift);
  v("scale", a.scale);
  v("rotation", a.rotation);
  v("brightness", a.brightness);
  v("contrast", a.contrast);
  v("saturation", a.saturation);
}

template <class Visitor>
void visit(Visitor& v, Recipe& r) {
  v("epochs", r.epochs);
  v("batch", r.batch);
  v("balanced_classes", r.balanced_classes);
  v("balanced_each", r.balanced_each);
  v("seed", r.seed);
  v("validation", r.validation);
  v("mixup", r.mixup);
  v("cutout", r.cutout);
  v("initial", r.initial);
  v("freeze", r.freeze);
  v("freeze_batch_norm", r.freeze_batch_norm);
  v("average_decay", r.average_decay);
  v("filter_radius", r.filter_radius);
}

template <class T>
nlohmann::ordered_json written(T value) {
  Writer w;
  visit(w, value);
  return w.json_;
}

template <class T>
void read_part(JsonObject& from, const char* name, T& to) {
  if (!from.has(name)) return;
  Reader r(from.object(name), "recipe: " + std::string(name));
  visit(r, to);
  r.object().finish();
}

nlohmann::ordered_json written(const LossSpec& spec) {
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  for (const auto& [name, value] : spec.settings.values())
    std::visit([&](const auto& v) { settings[name] = v; }, value);
  return {{"kind", spec.kind}, {"weight", short_decimal(spec.weight)}, {"settings", settings}};
}

LossSpec loss_from(const Json& json) {
  LossSpec spec;
  JsonObject o(json, "recipe: losses");
  spec.kind = o.text("kind");
  if (o.has("weight")) spec.weight = o.number("weight");
  if (o.has("settings")) {
    for (const auto& [name, value] : o.object("settings").items()) {
      if (value.is_boolean()) {
        spec.settings.set(name, value.get<bool>());
      } else if (value.is_number()) {
        spec.settings.set(name, value.get<double>());
      } else if (value.is_string()) {
        spec.settings.set(name, value.get<std::string>());
      } else {
        throw Error(ErrorKind::kInput, "setting '" + name.substr(0, 64) + "'")
            .at("recipe: loss " + spec.kind.substr(0, 64))
            .expected("a number, a text, true or false");
      }
    }
  }
  o.finish();
  return spec;
}

}  // namespace

std::string to_json(const Recipe& recipe) {
  nlohmann::ordered_json json = written<Recipe>(recipe);
  json["optimizer"] = written<OptimizerOptions>(recipe.optimizer);
  json["schedule"] = written<ScheduleOptions>(recipe.schedule);
  json["losses"] = nlohmann::ordered_json::array();
  for (const LossSpec& spec : recipe.losses) json["losses"].push_back(written(spec));
  json["augmentation"] = written<Augmentation>(recipe.augmentation);
  try {
    return json.dump(1) + "\n";
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, "a name that is not UTF-8").at("recipe").hint(error.what());
  }
}

Recipe recipe_from_json(std::string_view text) {
  const Json json = parse_json(text);
  Recipe recipe;
  Reader r(json, "recipe");
  visit(r, recipe);
  JsonObject& o = r.object();
  read_part(o, "optimizer", recipe.optimizer);
  read_part(o, "schedule", recipe.schedule);
  read_part(o, "augmentation", recipe.augmentation);
  if (o.has("losses")) {
    recipe.losses.clear();
    for (const Json& loss : o.array("losses")) recipe.losses.push_back(loss_from(loss));
  }
  o.finish();
  recipe.validate();
  return recipe;
}

Recipe load_recipe(const std::string& path) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::kInput, "the recipe cannot be opened").at(path);
  std::string text(kMost + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMost)
    throw Error(ErrorKind::kInput, "size of the recipe").at(path).expected("at most 1 MiB");
  try {
    return recipe_from_json(text);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what()).at(path);
  }
}

}  // namespace cutaway::weights
