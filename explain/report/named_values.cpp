#include "explain/report/named_values.h"

#include <array>
#include <cstdio>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cutaway::explain {
namespace {

std::string text_of(bool v) { return v ? "true" : "false"; }
std::string text_of(std::int64_t v) { return std::to_string(v); }
std::string text_of(const std::string& v) { return v; }
std::string text_of(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string all;
  for (const T& v : values) all += (all.empty() ? "" : ", ") + text_of(v);
  return all;
}

// The shortest decimal that gives this float back, as a double: 0.485, not 0.48500001430511475.
double shortest(float v) {
  std::array<char, 40> text{};
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*g", digits, static_cast<double>(v));
    double back = 0;
    if (std::sscanf(text.data(), "%lf", &back) == 1 && static_cast<float>(back) == v) return back;
  }
  return static_cast<double>(v);
}

std::vector<double> channels_of(const std::array<float, 3>& values, int channels) {
  std::vector<double> out;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    out.push_back(shortest(values[c]));
  }
  return out;
}

template <std::size_t N, class Enum>
std::string name_of(const std::array<const char*, N>& names, Enum value) {
  return names[static_cast<std::size_t>(value)];
}

// Bytes of the well-formed sequence at the start of s, or 0.
std::size_t sequence_length(std::string_view s) {
  const auto byte = [&s](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second > 0x9F;
  const bool beyond = lead == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : n;
}

}  // namespace

std::string to_text(const AnyValue& value) {
  return std::visit([](const auto& v) { return text_of(v); }, value);
}

const AnyValue* find_value(const NamedValues& values, std::string_view name) {
  for (const NamedValue& value : values) {
    if (value.name == name) return &value.value;
  }
  return nullptr;
}

void set_value(NamedValues& values, NamedValue value) {
  for (NamedValue& known : values) {
    if (known.name != value.name) continue;
    known.value = std::move(value.value);
    return;
  }
  values.push_back(std::move(value));
}

NamedValues named_values(const Attributes& attributes) {
  NamedValues all;
  for (const auto& [name, value] : attributes.values())
    all.push_back({name, std::visit([](const auto& v) { return AnyValue(v); }, value)});
  return all;
}

NamedValues fields_of(const weights::Preprocess& rule) {
  static constexpr std::array<const char*, 3> kOrders{"RGB", "BGR", "gray"};
  static constexpr std::array<const char*, 3> kResizes{"none", "warp", "short_side"};
  static constexpr std::array<const char*, 6> kInterpolations{
      "bilinear", "bilinear-pil", "bilinear-matlab", "cubic-075", "cubic-pil", "cubic-matlab"};
  static constexpr std::array<const char*, 2> kCrops{"none", "center"};
  static constexpr std::array<const char*, 2> kOffsets{"floor", "half_even"};
  if (!rule.declared) return {{"rule", "none declared"}};
  NamedValues fields{{"order", name_of(kOrders, rule.order)},
                     {"scale", shortest(rule.scale)},
                     {"mean", channels_of(rule.mean, rule.channels())},
                     {"std", channels_of(rule.std, rule.channels())},
                     {"resize", name_of(kResizes, rule.resize)}};
  if (rule.resize == weights::ResizeRule::kWarp) {
    fields.push_back({"width", std::int64_t{rule.width}});
    fields.push_back({"height", std::int64_t{rule.height}});
  }
  if (rule.resize == weights::ResizeRule::kShortSide) {
    fields.push_back({"short_side", std::int64_t{rule.short_side}});
  }
  if (rule.resize != weights::ResizeRule::kNone) {
    fields.push_back({"interpolation", name_of(kInterpolations, rule.interpolation)});
  }
  fields.push_back({"crop", name_of(kCrops, rule.crop)});
  if (rule.crop != weights::CropRule::kNone) {
    fields.push_back({"crop_width", std::int64_t{rule.crop_width}});
    fields.push_back({"crop_height", std::int64_t{rule.crop_height}});
    fields.push_back({"crop_offset", name_of(kOffsets, rule.crop_offset)});
  }
  return fields;
}

std::string valid_utf8(const std::string& text) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t n = sequence_length(rest);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      rest.remove_prefix(1);
    } else {
      out += rest.substr(0, n);
      rest.remove_prefix(n);
    }
  }
  return out;
}

}  // namespace cutaway::explain
