#include "explain/localization/run/job.h"

#include <charconv>
#include <functional>

#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Through a JPEG and back, as the authors stored their heat maps.
std::function<ByteMap(const ByteMap&)> through_jpeg(int quality) {
  return [quality](const ByteMap& map) {
    Image gray = make_image(map.width, map.height);
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      for (std::size_t k = 0; k < 3; ++k) gray.rgb[3 * i + k] = map.values[i];
    }
    const Image back = decode_image(encode_jpeg(gray, {quality, false}), "heat map");
    ByteMap out = make_byte_map(map.width, map.height);
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = back.rgb[3 * i];
    return out;
  };
}

}  // namespace

RuleChoice parse_rule(const std::string& text, const BoxOptions& options, std::int64_t jpeg) {
  const std::size_t colon = text.find(':');
  RuleChoice choice{text, parse_box_rule(text.substr(0, colon)), options, jpeg};
  if (jpeg > 0) choice.options.stored = through_jpeg(static_cast<int>(jpeg));
  if (colon == std::string::npos) return choice;
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  float share = -1.0F;
  const auto r = std::from_chars(begin, end, share);
  const bool good = choice.rule == BoxRule::kThreshold && r.ec == std::errc{} && r.ptr == end &&
                    share >= 0.0F && share < 1.0F;
  if (!good) {
    throw Error(ErrorKind::kUsage, "--boxes")
        .expected("threshold, threshold:SHARE with a share in [0, 1), dt, graphcut, grabcut")
        .got(text);
  }
  choice.options.threshold = share;
  return choice;
}

NamedValues rule_fields(const RuleChoice& r) {
  const BoxOptions& o = r.options;
  switch (r.rule) {
    case BoxRule::kThreshold:
      return {{"threshold", static_cast<double>(o.threshold)}};
    case BoxRule::kDt:
      return {{"grey_levels",
               std::vector<std::int64_t>(o.dt.thresholds.begin(), o.dt.thresholds.end())},
              {"suppress",
               std::string(o.dt.suppression == Suppression::kAuthors ? "authors" : "clean")},
              {"jpeg_quality", r.jpeg}};
    case BoxRule::kGraphCut:
      return {{"high_quantile", o.graph_cut.high},
              {"low_quantile", o.graph_cut.low},
              {"components", std::int64_t{o.graph_cut.mixture.components}},
              {"rounds", std::int64_t{o.graph_cut.mixture.rounds}},
              {"covariance_floor", o.graph_cut.mixture.floor},
              {"gamma", o.graph_cut.gamma},
              {"hard_seeds", o.graph_cut.hard_seeds},
              {"iterate", std::int64_t{o.graph_cut.iterate}}};
    case BoxRule::kGrabCut:
      return {{"background", std::int64_t{o.grab_cut.background}},
              {"foreground", std::int64_t{o.grab_cut.foreground}},
              {"iterations", std::int64_t{o.grab_cut.iterations}},
              {"jpeg_quality", r.jpeg}};
  }
  return {};
}

}  // namespace cutaway::explain
