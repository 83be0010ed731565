#include "explain/visualize/run/settings.h"

#include <algorithm>
#include <array>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array<std::pair<const char*, AscentMode>, 5> kModes{
    {{"lucid", AscentMode::kLucid},
     {"simonyan", AscentMode::kSimonyan},
     {"yosinski", AscentMode::kYosinski},
     {"penalized", AscentMode::kPenalized},
     {"dream", AscentMode::kDream}}};

/// Visits the numbers of a mode by name: read from options, or listed for the manifest. One list
/// for both.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void operator()(const char* name, std::int64_t& v, std::int64_t least) = 0;
  virtual void operator()(const char* name, double& v, double least) = 0;
  virtual void operator()(const char* name, bool& v) = 0;
};

void visit(AscentSettings& s, Visitor& each) {
  switch (s.mode) {
    case AscentMode::kLucid:
      each("steps", s.lucid.steps, 0);
      each("rate", s.lucid.rate, 0.0);
      each("start_deviation", s.lucid.start_deviation, 0.0);
      each("fourier", s.lucid.fourier);
      each("decorrelate", s.lucid.decorrelate);
      each("robust", s.lucid.robust.enabled);
      each("pad", s.lucid.robust.pad, 0);
      each("jitter", s.lucid.robust.jitter, 0);
      each("last_jitter", s.lucid.robust.last_jitter, 0);
      each("rescue_steps", s.lucid.rescue_steps, 0);
      each("variation_weight", s.lucid.variation_weight, 0.0);
      break;
    case AscentMode::kSimonyan:
      each("steps", s.simonyan.steps, 0);
      each("normalize", s.simonyan.normalize);
      each("rate", s.simonyan.rate, 0.0);
      each("decay", s.simonyan.decay, 0.0);
      each("lambda", s.simonyan.lambda, 0.0);
      break;
    case AscentMode::kYosinski:
      each("steps", s.yosinski.steps, 0);
      each("normalize", s.yosinski.normalize);
      each("rate", s.yosinski.rate, 0.0);
      each("gain", s.yosinski.gain, 0.0);
      each("decay", s.yosinski.decay, 0.0);
      each("blur_sigma", s.yosinski.blur_sigma, 0.0);
      each("blur_every", s.yosinski.blur_every, 0);
      each("pixel_percentile", s.yosinski.pixel_percentile, 0.0);
      each("contribution_percentile", s.yosinski.contribution_percentile, 0.0);
      each("start_deviation", s.yosinski.start_deviation, 0.0);
      each("keep_best", s.yosinski.keep_best);
      break;
    case AscentMode::kPenalized:
      each("steps", s.penalized.steps, 0);
      each("rate", s.penalized.rate, 0.0);
      each("momentum", s.penalized.momentum, 0.0);
      each("power", s.penalized.power, 1.0);
      each("power_weight", s.penalized.power_weight, 0.0);
      each("variation_beta", s.penalized.variation_beta, 1.0);
      each("variation_weight", s.penalized.variation_weight, 0.0);
      each("objective_weight", s.penalized.objective_weight, 0.0);
      each("jitter", s.penalized.jitter, 0);
      each("start_deviation", s.penalized.start_deviation, 0.0);
      break;
    case AscentMode::kDream:
      each("steps", s.dream.steps, 0);
      each("octaves", s.dream.octaves, 1);
      each("octave_scale", s.dream.octave_scale, 1.01);
      each("rate", s.dream.rate, 0.0);
      each("jitter", s.dream.jitter, 0);
      each("clip", s.dream.clip);
      break;
  }
  each("stretch", s.stretch);
}

class Read final : public Visitor {
 public:
  explicit Read(const Attributes& options) : options_(options) {}
  void operator()(const char* name, std::int64_t& v, std::int64_t least) override {
    v = options_.integer(name, v, least, 1000000);
  }
  void operator()(const char* name, double& v, double least) override {
    v = options_.number(name, v);
    if (!(v >= least)) {
      throw Error(ErrorKind::kUsage, name)
          .expected("at least " + std::to_string(least))
          .got(std::to_string(v));
    }
  }
  void operator()(const char* name, bool& v) override { v = options_.flag(name, v); }

 private:
  const Attributes& options_;
};

class List final : public Visitor {
 public:
  NamedValues fields;
  void operator()(const char* name, std::int64_t& v, std::int64_t) override {
    fields.push_back({name, v});
  }
  void operator()(const char* name, double& v, double) override { fields.push_back({name, v}); }
  void operator()(const char* name, bool& v) override { fields.push_back({name, v}); }
};

/// Decay, blur sigma, blur every, pixel and contribution percentile.
void apply_preset(YosinskiOptions& o, std::int64_t preset) {
  struct Preset {
    double decay, sigma;
    std::int64_t every;
    double pixel, contribution;
  };
  constexpr std::array<Preset, 4> kPresets{
      {{0, .5, 4, 50, 0}, {.3, 0, 0, 20, 0}, {1e-4, 1, 4, 0, 0}, {0, .5, 4, 0, 90}}};
  const Preset& p = kPresets[static_cast<std::size_t>(preset - 1)];
  o.decay = p.decay;
  o.blur_sigma = p.sigma;
  o.blur_every = p.every;
  o.pixel_percentile = p.pixel;
  o.contribution_percentile = p.contribution;
}

void refuse_unknown(const Attributes& options, const AscentSettings& settings) {
  std::vector<std::string> known;
  for (const NamedValue& field : fields_of(settings)) known.push_back(field.name);
  if (settings.mode == AscentMode::kYosinski) known.emplace_back("preset");
  for (const auto& [name, value] : options.values()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string hint = "did you mean";
    for (const std::string& near : nearest_names(name, known)) hint += " '" + near + "'";
    throw Error(ErrorKind::kUsage, "no such option '" + name + "'").hint(hint);
  }
}

}  // namespace

AscentMode parse_mode(const std::string& name) {
  std::string known;
  for (const auto& [text, mode] : kModes) {
    if (name == text) return mode;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(ErrorKind::kUsage, "mode").expected(known).got(name);
}

const char* mode_name(AscentMode mode) { return kModes[static_cast<std::size_t>(mode)].first; }

void AscentSettings::set_seed(std::uint64_t seed) {
  lucid.seed = simonyan.seed = yosinski.seed = penalized.seed = dream.seed = seed;
}

std::int64_t AscentSettings::steps() const {
  switch (mode) {
    case AscentMode::kLucid:
      return lucid.steps;
    case AscentMode::kSimonyan:
      return simonyan.steps;
    case AscentMode::kYosinski:
      return yosinski.steps;
    case AscentMode::kPenalized:
      return penalized.steps;
    case AscentMode::kDream:
      break;
  }
  return dream.steps * dream.octaves;
}

AscentSettings read_settings(AscentMode mode, std::int64_t steps, const Attributes& options) {
  AscentSettings s;
  s.mode = mode;
  s.stretch = mode == AscentMode::kYosinski;
  Attributes all = options;
  if (steps > 0) all.set("steps", steps);
  try {
    if (mode == AscentMode::kYosinski && all.values().contains("preset")) {
      apply_preset(s.yosinski, all.integer("preset", 1, 4));
    }
    Read read(all);
    visit(s, read);
    refuse_unknown(all, s);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, error.what()).at(std::string("mode ") + mode_name(mode));
  }
  return s;
}

NamedValues fields_of(const AscentSettings& settings) {
  AscentSettings copy = settings;
  List list;
  visit(copy, list);
  return list.fields;
}

}  // namespace cutaway::explain
