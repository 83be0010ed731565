#include "explain/runs/pixel_box.h"

#include <algorithm>
#include <cstdio>

namespace cutaway::explain {
namespace {

void append(std::string& text, double v) {
  char part[32];
  std::snprintf(part, sizeof part, "%s%.9g", text.empty() ? "" : ",", v);
  text += part;
}

/// The net's numbers for one grey level of 255.
std::string grey_level(const weights::Preprocess& rule) {
  std::string text;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c)
    append(text, double{rule.scale} / double{rule.std[c]});
  return text;
}

}  // namespace

void add_pixel_box(const std::string& method,
                   const weights::Preprocess& rule,
                   Attributes& options) {
  const auto& given = options.values();
  if (method == "saliency" && options.text("per", "1") == "grey_level")
    options.set("per", grey_level(rule));
  if (method != "lrp" || given.contains("low") || given.contains("high")) return;
  std::string low, high;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    const double black = -double{rule.mean[c]} / double{rule.std[c]};
    const double white = (double{rule.scale} * 255.0 - double{rule.mean[c]}) / double{rule.std[c]};
    append(low, std::min(black, white));
    append(high, std::max(black, white));
  }
  options.set("low", low);
  options.set("high", high);
}

}  // namespace cutaway::explain
