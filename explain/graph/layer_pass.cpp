#include "explain/graph/layer_pass.h"

#include <algorithm>
#include <cmath>

#include "kernels/pattern_graph.h"
#include "runtime/error.h"
#include "runtime/tensor.h"

namespace cutaway::explain::graph {

using kernels::kPatternGrid;

Motion motion_of(const Records& parents,
                 std::span<const float> mean_h,
                 std::span<const float> mean_w,
                 double ratio) {
  const std::int64_t images = parents.images();
  Motion motion{Rows(parents.nodes(), images), Rows(parents.nodes(), images)};
  const auto scale = static_cast<float>(ratio);
  for (std::int64_t n = 0; n < parents.nodes(); ++n) {
    const auto at = static_cast<std::size_t>(n);
    for (std::int64_t i = 0; i < images; ++i) {
      motion.h.row(n)[i] = scale * (parents.h.row(n)[i] - mean_h[at]);
      motion.w.row(n)[i] = scale * (parents.w.row(n)[i] - mean_w[at]);
    }
  }
  return motion;
}

LayerPass::LayerPass(const LayerSpec& spec, const Config& config)
    : spec_(spec),
      config_(config),
      radius_(static_cast<std::size_t>(spec.count())),
      sigma_(radius_.size()),
      mass_(radius_.size()) {}

double LayerPass::least_sigma() const {
  return static_cast<double>(*std::ranges::min_element(sigma_));
}

void LayerPass::set_radius(std::span<const float> delta) {
  check(delta.size() == radius_.size(), "a scale for every node");
  const double most = config_.range * static_cast<double>(spec_.size) / 2;
  for (std::size_t n = 0; n < radius_.size(); ++n) {
    const double reach = std::min(most, config_.reach * static_cast<double>(delta[n]));
    const auto cells = static_cast<std::int32_t>(std::round(reach));
    radius_[n] = std::clamp(cells, 1, kernels::kPatternRadius);
  }
}

void LayerPass::finish_sigma() {
  density_sigma_ = sigma_;
  window_ = radius_;
  if (config_.released.first_filter_sigma) {
    const auto p = static_cast<std::size_t>(spec_.nodes);
    for (std::size_t n = 0; n < sigma_.size(); ++n) {
      density_sigma_[n] = sigma_[n % p];
      window_[n] = radius_[n % p];
    }
  }
  for (std::size_t n = 0; n < sigma_.size(); ++n) {
    const auto sigma = static_cast<double>(density_sigma_[n]);
    double sum = 0;
    for (int a = 0; a < kPatternGrid; ++a) {
      const double o = radius_[n] * (2.0 * a + 1 - kPatternGrid) / kPatternGrid;
      sum += std::exp(-0.5 * o * o / (sigma * sigma)) / (2.5066282746310002 * sigma);
    }
    mass_[n] = sum * sum;
  }
}

void LayerPass::without_parents(std::span<const float> delta) {
  set_radius(delta);
  std::ranges::fill(sigma_, static_cast<float>(config_.initial * static_cast<double>(spec_.size)));
  parents_ = 0;
  finish_sigma();
}

void LayerPass::with_parents(std::span<const float> delta,
                             std::span<const std::int32_t> edges,
                             std::int64_t parents,
                             std::span<const float> parent_delta,
                             double ratio) {
  set_radius(delta);
  parents_ = parents;
  edges_.assign(edges.begin(), edges.end());
  weight_.resize(edges.size());
  variance_.resize(radius_.size());
  log_scale_.resize(radius_.size());
  for (std::size_t n = 0; n < radius_.size(); ++n) {
    const auto own =
        edges.subspan(n * static_cast<std::size_t>(parents), static_cast<std::size_t>(parents));
    const auto m = static_cast<double>(parents - std::ranges::count(own, -1));
    double precision = 0;
    double logs = 0;
    for (std::size_t j = 0; j < own.size(); ++j) {
      const std::size_t at = n * own.size() + j;
      if (own[j] < 0) {
        // The loops multiply every edge: one of no weight, to a node that there is.
        edges_[at] = 0;
        weight_[at] = 0;
        continue;
      }
      const double d =
          ratio * static_cast<double>(parent_delta[static_cast<std::size_t>(edges[at])]);
      const double k = 1 / (m * d * d);
      weight_[at] = static_cast<float>(k);
      precision += k;
      logs += std::log(d);
    }
    if (m == 0) {
      sigma_[n] = static_cast<float>(config_.initial * static_cast<double>(spec_.size));
      variance_[n] = sigma_[n] * sigma_[n];
      log_scale_[n] = 0;
      continue;
    }
    const double variance = 1 / precision;
    variance_[n] = static_cast<float>(variance);
    sigma_[n] = static_cast<float>(std::sqrt(variance));
    double log_scale = 0;
    if (config_.strength == Strength::kGeometric) log_scale = std::log(variance) - 2 / m * logs;
    if (config_.strength == Strength::kReleased) log_scale = 0.5 * std::log(variance) - logs;
    log_scale_[n] = static_cast<float>(log_scale);
  }
  finish_sigma();
}

/// The noise level of every image; shifts and strengths of all nodes.
std::vector<float> LayerPass::predict(Stream& stream, const Motion& motion, std::int64_t images) {
  const std::int64_t nodes = spec_.count();
  if (shift_h_.images() != images || shift_h_.nodes() != nodes) {
    shift_h_ = Rows(nodes, images);
    shift_w_ = Rows(nodes, images);
    strength_ = Rows(nodes, images);
  }
  const std::int64_t stride = shift_h_.stride();
  const auto n = static_cast<std::size_t>(nodes);
  const auto rows = static_cast<std::size_t>(nodes * stride);
  const auto above = static_cast<std::size_t>(motion.h.nodes() * stride);
  std::vector<double> noise(static_cast<std::size_t>(spec_.filters * stride));
  Staging& there = prediction_;
  there.begin(stream);
  kernels::PatternPredict k;
  k.filters = spec_.filters;
  k.nodes = spec_.nodes;
  k.images = images;
  k.stride = stride;
  k.parents = parents_;
  k.edges = there.read(edges_.data(), edges_.size());
  k.weight = there.read(weight_.data(), weight_.size());
  k.variance = there.read(variance_.data(), n);
  k.log_scale = there.read(log_scale_.data(), n);
  k.penalty = config_.strength == Strength::kOne ? 0.0f : 0.5f;
  k.mass = there.read(mass_.data(), n);
  k.parent_h = there.read(motion.h.data(), above);
  k.parent_w = there.read(motion.w.data(), above);
  shift_h_at_ = k.shift_h = there.keep(shift_h_.data(), rows);
  shift_w_at_ = k.shift_w = there.keep(shift_w_.data(), rows);
  strength_at_ = k.strength = there.keep(strength_.data(), rows);
  k.noise = there.write(noise.data(), noise.size());
  kernels::run(stream, k);
  there.finish(stream);
  std::vector<float> level(static_cast<std::size_t>(images));
  for (std::int64_t i = 0; i < images; ++i) {
    double sum = 0;
    for (std::int64_t d = 0; d < spec_.filters; ++d)
      sum += noise[static_cast<std::size_t>(d * stride + i)];
    level[static_cast<std::size_t>(i)] =
        static_cast<float>(config_.noise * sum / static_cast<double>(nodes));
  }
  return level;
}

kernels::PatternMaps LayerPass::place(const Stream& stream,
                                      const FeatureMaps& features,
                                      std::span<const std::uint8_t> mirror) {
  const Device device = device_of(stream);
  if (device.kind == Device::Kind::kCpu) return features.maps(mirror);
  const auto [at, fresh] = placed_.try_emplace(&features);
  if (fresh) {
    const std::span<const std::byte> bytes = features.memory();
    at->second = Buffer(device, bytes.size());
    copy_bytes(at->second.data(), device, bytes.data(), kCpuDevice, bytes.size());
  }
  kernels::PatternMaps maps = features.maps(mirror, at->second.data());
  maps.mirror = step_.read(maps.mirror, mirror.size());
  return maps;
}

void LayerPass::run(Stream& stream, const PassInput& input, Records& records, PassSums* sums) {
  const auto& [features, mirror, motion, mu_h, mu_w] = input;
  const std::int64_t images = features.images();
  check(features.filters() == spec_.filters && features.size() == spec_.size,
        "features of another layer");
  check((parents_ > 0) == (motion != nullptr), "parents and their motion come together");
  if (records.images() != images || records.nodes() != spec_.count()) {
    records = Records(spec_.count(), images);
  }
  const std::size_t n = radius_.size();
  const auto rows = n * static_cast<std::size_t>(records.h.stride());
  Staging& there = step_;
  kernels::PatternStep k;
  std::vector<float> noise;
  if (motion != nullptr) {
    noise = predict(stream, *motion, images);
    k.shift_h = shift_h_at_;
    k.shift_w = shift_w_at_;
    k.strength = strength_at_;
  } else {
    double sum = 0;
    for (const double m : mass_) sum += m;
    noise.assign(static_cast<std::size_t>(images),
                 static_cast<float>(config_.noise * sum / static_cast<double>(n)));
  }
  there.begin(stream);
  k.maps = place(stream, features, mirror);
  k.nodes = spec_.nodes;
  k.stride = records.h.stride();
  k.mu_h = there.read(mu_h.data(), n);
  k.mu_w = there.read(mu_w.data(), n);
  k.sigma = there.read(density_sigma_.data(), n);
  k.radius = there.read(radius_.data(), n);
  k.window = there.read(window_.data(), n);
  k.widest = *std::ranges::max_element(window_);
  k.kernel_width = static_cast<float>(config_.smoothing * static_cast<double>(spec_.size));
  k.rounded_kernel = config_.released.rounded_kernel;
  k.mean_position = config_.place == Place::kMean;
  k.first_candidate = config_.released.first_candidate;
  // Filled: entries beyond the images are zero and stay so.
  k.position_h = there.write(records.h.data(), rows, true);
  k.position_w = there.write(records.w.data(), rows, true);
  k.peak = there.write(records.peak.data(), rows, true);
  k.total = there.write(records.total.data(), rows, true);
  const bool likelihood = sums != nullptr && sums->likelihood;
  std::vector<double> logs(likelihood ? static_cast<std::size_t>(2 * spec_.filters) : 0);
  if (sums != nullptr) {
    sums->nodes.resize(n * kernels::kPatternSums);
    k.noise = there.read(noise.data(), noise.size());
    k.sums = there.write(sums->nodes.data(), sums->nodes.size(), true);
    k.likelihood = likelihood ? there.write(logs.data(), logs.size()) : nullptr;
    k.scratch = there.scratch(kernels::pattern_step_scratch(k.maps, k.nodes));
  }
  kernels::run(stream, k);
  there.finish(stream);
  for (std::size_t d = 0; d + 1 < logs.size(); d += 2) {
    sums->log_mix += logs[d];
    sums->evidence += logs[d + 1];
  }
}

}  // namespace cutaway::explain::graph
