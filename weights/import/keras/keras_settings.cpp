#include <algorithm>
#include <array>
#include <cmath>

#include "weights/import/keras/keras_layers.h"

// Reading a layer's configuration, and refusing what nobody reads.
namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostChannels = 1 << 16;

std::string shown(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 64);
}

/// Settings of any layer that change nothing in evaluation, of all versions of Keras: names and
/// types, initial values, penalties and bounds while training.
bool matters_not(const std::string& name) {
  static constexpr std::array kNames{"activity_regularizer",
                                     "autocast",
                                     "batch_input_shape",
                                     "batch_shape",
                                     "cache_enabled",
                                     "custom_name",
                                     "dtype",
                                     "init",
                                     "input_dim",
                                     "input_dtype",
                                     "input_shape",
                                     "momentum",
                                     "name",
                                     "noise_shape",
                                     "optional",
                                     "ragged",
                                     "renorm_momentum",
                                     "seed",
                                     "sparse",
                                     "supports_masking",
                                     "synchronized",
                                     "trainable"};
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
  static constexpr std::array kEnds{"_initializer", "_regularizer", "_constraint", "_init",
                                    "_learning_rate"};
  return std::any_of(kEnds.begin(), kEnds.end(),
                     [&](const char* end) { return name.ends_with(end); });
}

/// Settings that are written whether or not they are used, and the value that means that.
bool is_default(const std::string& name, const nlohmann::json& value) {
  struct Default {
    const char *name, *value;
  };
  static constexpr std::array kDefaults{Default{"arguments", "{}"}, Default{"fused", "true"},
                                        Default{"fused", "false"},  Default{"groups", "1"},
                                        Default{"mode", "0"},       Default{"renorm", "false"},
                                        Default{"rank", "2"},       Default{"invert", "false"}};
  if (value.is_null()) return true;
  return std::any_of(kDefaults.begin(), kDefaults.end(),
                     [&](const Default& d) { return name == d.name && shown(value) == d.value; });
}

}  // namespace

const KerasBuilder::Json* KerasBuilder::setting(const std::string& name) {
  read_.insert(name);
  const auto at = current_->config->find(name);
  return at == current_->config->end() || at->is_null() ? nullptr : &*at;
}

void KerasBuilder::refuse_unread(const KerasLayer& layer) {
  for (const auto& [name, value] : layer.config->items()) {
    if (read_.contains(name) || matters_not(name) || is_default(name, value)) continue;
    complain("the setting " + name.substr(0, 64) + " = " + shown(value) + " is not understood");
  }
}

std::int64_t KerasBuilder::integer(const char* name,
                                   std::int64_t otherwise,
                                   std::int64_t least,
                                   std::int64_t most) {
  const Json* at = setting(name);
  if (at == nullptr) return otherwise;
  if (at->is_number_integer() && at->get<std::int64_t>() >= least &&
      at->get<std::int64_t>() <= most) {
    return at->get<std::int64_t>();
  }
  complain(std::string(name) + " " + shown(*at));
  return otherwise;
}

double KerasBuilder::number(const char* name, double otherwise) {
  const Json* at = setting(name);
  if (at == nullptr) return otherwise;
  if (at->is_number() && std::isfinite(at->get<double>())) return at->get<double>();
  complain(std::string(name) + " is no number");
  return otherwise;
}

std::vector<float> KerasBuilder::numbers(const char* name, float otherwise, std::int64_t channels) {
  const Json* at = setting(name);
  if (at == nullptr) return {otherwise};
  if (at->is_number()) return {static_cast<float>(number(name, otherwise))};
  std::vector<float> values;
  const Json* list = at;
  // NumPy's arrays are written as objects.
  const auto inner = at->is_object() ? at->find("config") : at->end();
  if (at->is_object() && inner != at->end() && inner->is_object() && inner->contains("value")) {
    list = &(*inner)["value"];
  }
  // (1, 1, 3) is as good as (3).
  while (list->is_array() && list->size() == 1 && (*list)[0].is_array()) list = &(*list)[0];
  if (list->is_array() && static_cast<std::int64_t>(list->size()) == channels &&
      channels <= kMostChannels) {
    for (const Json& v : *list) {
      if (v.is_number() && std::isfinite(v.get<double>())) values.push_back(v.get<float>());
    }
  }
  if (!values.empty() && static_cast<std::int64_t>(values.size()) == channels) return values;
  complain(std::string(name) + " is neither a number nor one a channel");
  return {otherwise};
}

bool KerasBuilder::flag(const char* name, bool otherwise) {
  const Json* at = setting(name);
  if (at == nullptr) return otherwise;
  if (at->is_boolean()) return at->get<bool>();
  complain(std::string(name) + " is neither true nor false");
  return otherwise;
}

std::string KerasBuilder::text(const char* name, const std::string& otherwise) {
  const Json* at = setting(name);
  if (at == nullptr) return otherwise;
  if (at->is_string()) return at->get<std::string>().substr(0, 64);
  // Keras 3 writes some activations as objects: functions with a name, or layers, which may have
  // settings of their own.
  if (at->is_object() && at->contains("class_name") && (*at)["class_name"].is_string()) {
    const auto config = at->find("config");
    if (config != at->end() && config->is_string()) return config->get<std::string>().substr(0, 64);
    return "of class " + (*at)["class_name"].get<std::string>().substr(0, 64);
  }
  complain(std::string(name) + " is no text");
  return otherwise;
}

std::pair<std::int32_t, std::int32_t> KerasBuilder::pair(const char* name, std::int32_t otherwise) {
  const Json* at = setting(name);
  if (at == nullptr) return {otherwise, otherwise};
  const auto one = [](const Json& v) {
    return v.is_number_integer() && v.get<std::int64_t>() >= 1 &&
           v.get<std::int64_t>() <= kMostWindow;
  };
  if (one(*at)) return {at->get<std::int32_t>(), at->get<std::int32_t>()};
  if (at->is_array() && at->size() == 2 && one((*at)[0]) && one((*at)[1])) {
    return {(*at)[0].get<std::int32_t>(), (*at)[1].get<std::int32_t>()};
  }
  complain(std::string(name) + " is no pair of numbers from 1 to " + std::to_string(kMostWindow));
  return {otherwise, otherwise};
}

std::int64_t KerasBuilder::axis(std::int64_t otherwise) {
  constexpr std::int64_t kNone = 99;
  const Json* at = setting("axis");
  if (at == nullptr) return otherwise;
  const Json& value = at->is_array() && at->size() == 1 ? (*at)[0] : *at;
  if (value.is_number_integer() && value.get<std::int64_t>() > -kNone &&
      value.get<std::int64_t>() < kNone)
    return value.get<std::int64_t>();
  complain("axis " + shown(*at));
  return kNone;
}

/// The format of the data that a layer takes. Keras 1 said "tf" and "th".
bool KerasBuilder::channels_last(const KerasLayer& layer) {
  const char* name = layer.config->contains("dim_ordering") ? "dim_ordering" : "data_format";
  const std::string format = text(name, last_ ? "channels_last" : "channels_first");
  if (format == "channels_last" || format == "tf") return true;
  if (format != "channels_first" && format != "th" && format != "default")
    complain("data_format " + format);
  return format == "default" ? last_ : false;
}

void KerasBuilder::require_format(const KerasLayer& layer) {
  if (channels_last(layer) != last_) complain("another data_format than the layers before");
}

}  // namespace cutaway::weights
