#include "explain/graph/learn.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "explain/graph/orientation.h"
#include "explain/graph/ranking.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain::graph {
namespace {

void check_features(const std::vector<LayerSpec>& specs,
                    const ShardFeatures& features,
                    bool mirrored) {
  bool good = features.size() == specs.size();
  for (std::size_t l = 0; good && l < specs.size(); ++l) {
    good = features[l].filters() == specs[l].filters && features[l].size() == specs[l].size &&
           features[l].images() == features[0].images() &&
           (!mirrored || features[l].has_mirrored());
  }
  if (!good)
    throw Error(ErrorKind::kShape, "features do not fit the layers of the explanatory graph");
}

/// Records of all pictures, a shard each, of so many nodes.
bool records_fit(const std::vector<Records>& records,
                 std::int64_t nodes,
                 const std::vector<const ShardFeatures*>& shards) {
  return std::ranges::equal(records, shards, [&](const Records& r, const ShardFeatures* shard) {
    return r.nodes() == nodes && r.images() == shard->front().images();
  });
}

Layer blank(const LayerSpec& spec) {
  Layer layer;
  layer.spec = spec;
  return layer;
}

std::vector<float> to_floats(const std::vector<double>& values) {
  std::vector<float> floats(values.size());
  std::ranges::transform(values, floats.begin(), [](double v) { return static_cast<float>(v); });
  return floats;
}

}  // namespace

Positions random_positions(const LayerSpec& spec,
                           std::size_t layer,
                           double jitter,
                           std::uint64_t seed) {
  Positions positions;
  const auto cells = static_cast<std::uint64_t>(spec.size * spec.size);
  std::vector<std::uint32_t> order(cells);
  for (std::int64_t d = 0; d < spec.filters; ++d) {
    const Philox random{seed,
                        (static_cast<std::uint64_t>(layer) << 32U) + static_cast<std::uint64_t>(d)};
    std::iota(order.begin(), order.end(), 0U);
    for (std::uint64_t p = 0; p < static_cast<std::uint64_t>(spec.nodes); ++p) {
      // Fisher-Yates; the 2^-32 bias of a scaled word is far below what could be seen.
      const auto other = p + ((std::uint64_t{random.word(4 * p)} * (cells - p)) >> 32U);
      std::swap(order[p], order[other]);
      const double moved_h = jitter * (2.0 * static_cast<double>(random.uniform(4 * p + 1)) - 1);
      const double moved_w = jitter * (2.0 * static_cast<double>(random.uniform(4 * p + 2)) - 1);
      const auto size = static_cast<std::uint32_t>(spec.size);
      positions.h.push_back(static_cast<float>(order[p] / size + moved_h));
      positions.w.push_back(static_cast<float>(order[p] % size + moved_w));
    }
  }
  return positions;
}

Learner::Learner(std::vector<LayerSpec> specs,
                 const Config& config,
                 std::vector<const ShardFeatures*> shards,
                 Stream stream,
                 std::vector<Positions> first,
                 Reducer* reducer)
    : specs_(std::move(specs)),
      config_(config),
      shards_(std::move(shards)),
      stream_(std::move(stream)),
      first_(std::move(first)),
      reducer_(reducer != nullptr ? reducer : &alone_) {
  validate(config_);
  if (specs_.empty() || shards_.empty())
    throw Error(ErrorKind::kUsage, "an explanatory graph without layers or images");
  for (const LayerSpec& spec : specs_) {
    validate(spec);
    state_.layers.push_back(blank(spec));
  }
  for (const ShardFeatures* shard : shards_) {
    check_features(specs_, *shard, config_.flips);
    if (config_.flips) {
      state_.mirror.emplace_back(static_cast<std::size_t>(shard->front().images()),
                                 std::uint8_t{0});
    }
  }
  if (!first_.empty() && first_.size() != specs_.size()) {
    throw Error(ErrorKind::kShape, "first positions for other layers");
  }
  state_.records.resize(specs_.size());
  state_.layer = static_cast<std::int64_t>(specs_.size()) - 1;
  begin_layer();
}

const FeatureMaps& Learner::features(std::size_t shard) const {
  return (*shards_[shard])[static_cast<std::size_t>(state_.layer)];
}

std::int64_t Learner::last_pass() const {
  return config_.iterations + (config_.released.no_final_pass ? 0 : 1);
}

std::int64_t Learner::passes() const {
  const std::int64_t extra = config_.flips ? config_.restarts - 1 : 0;
  return last_pass() * (static_cast<std::int64_t>(specs_.size()) + extra);
}

double Learner::ratio() const {
  const auto l = static_cast<std::size_t>(state_.layer);
  return config_.released.unscaled_parents ? 1.0 : specs_[l + 1].stride / specs_[l].stride;
}

void Learner::begin_layer() {
  const auto l = static_cast<std::size_t>(state_.layer);
  Layer& layer = state_.layers[l];
  layer = blank(specs_[l]);
  Positions first;
  if (!first_.empty() && !first_[l].h.empty()) {
    first = first_[l];
  } else {
    const auto seed =
        config_.seed + 0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(state_.restart);
    first = random_positions(specs_[l], l, config_.jitter, seed);
  }
  const auto count = static_cast<std::size_t>(specs_[l].count());
  if (first.h.size() != count || first.w.size() != count) {
    throw Error(ErrorKind::kShape, "first positions").at(specs_[l].name);
  }
  layer.mu_h = std::move(first.h);
  layer.mu_w = std::move(first.w);
  layer.delta.assign(count,
                     static_cast<float>(config_.initial * static_cast<double>(specs_[l].size)));
  state_.pass = 1;
  state_.current.assign(shards_.size(), Records());
  look_up();
}

/// What is seen of the layer above; it stays as it is while this layer is learned.
void Learner::look_up() {
  const auto l = static_cast<std::size_t>(state_.layer);
  pass_ = std::make_unique<LayerPass>(specs_[l], config_);
  selector_.reset();
  motion_.clear();
  if (is_top()) return;
  const Layer& above = state_.layers[l + 1];
  const std::vector<Records>& records = state_.records[l + 1];
  selector_ = std::make_unique<EdgeSelector>(config_, specs_[l], above, records, *reducer_);
  for (const Records& r : records)
    motion_.push_back(motion_of(r, above.mean_h, above.mean_w, ratio()));
}

void Learner::set_parameters() {
  Layer& layer = state_.layers[static_cast<std::size_t>(state_.layer)];
  if (selector_ == nullptr || state_.pass == 1 || selector_->parents() == 0) {
    layer.parents = 0;
    layer.edges.clear();
    pass_->without_parents(layer.delta);
    return;
  }
  // May be cancelled, which must leave the state as it was.
  layer.edges = selector_->select(stream_, state_.current, *observer_);
  layer.parents = selector_->parents();
  const Layer& above = state_.layers[static_cast<std::size_t>(state_.layer) + 1];
  pass_->with_parents(layer.delta, layer.edges, layer.parents, above.delta, ratio());
}

/// Top layer: each image is taken the way round that explains more of it.
void Learner::choose_orientations() {
  const Layer& layer = state_.layers[static_cast<std::size_t>(state_.layer)];
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    state_.mirror[s] = better_orientations(*pass_, stream_, features(s), layer.mu_h, layer.mu_w,
                                           config_.orientation);
  }
}

PassReport Learner::step() {
  check(!done(), "learning goes on after its end");
  throw_if_cancelled(*observer_);
  set_parameters();
  if (config_.flips && is_top()) choose_orientations();
  throw_if_cancelled(*observer_);
  const bool update_after = state_.pass <= config_.iterations;
  Layer& layer = state_.layers[static_cast<std::size_t>(state_.layer)];
  const bool parents = layer.parents > 0;
  PassSums sums;
  sums.likelihood = likelihood_;
  std::int64_t images = 0, all = 0;
  for (std::size_t s = 0; s < shards_.size(); ++s) all += features(s).images();
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    const std::span<const std::uint8_t> mirror =
        config_.flips ? std::span<const std::uint8_t>(state_.mirror[s])
                      : std::span<const std::uint8_t>();
    pass_->run(stream_,
               {.features = features(s),
                .mirror = mirror,
                .motion = parents ? &motion_[s] : nullptr,
                .mu_h = layer.mu_h,
                .mu_w = layer.mu_w},
               state_.current[s], update_after ? &sums : nullptr);
    images += features(s).images();
    observer_->progress("images", static_cast<double>(images), static_cast<double>(all));
  }
  PassReport report;
  report.layer = state_.layer;
  report.pass = state_.pass;
  report.score = score();
  if (update_after) {
    reducer_->sum(sums.nodes);
    double logs[2] = {sums.log_mix, sums.evidence};
    reducer_->sum(logs);
    report.likelihood = logs[1] > 0 ? logs[0] / logs[1] : 0;
    report.movement = update(sums, state_.pass);
  }
  report.last = state_.pass == last_pass();
  ++state_.pass;
  if (report.last) {
    finish_layer();
    if (!another_restart(report.score)) {
      --state_.layer;
      if (!done()) begin_layer();
    }
  }
  return report;
}

double Learner::score() const {
  double sum = 0;
  for (const Records& r : state_.current) {
    for (std::int64_t n = 0; n < r.nodes(); ++n) {
      for (std::int64_t i = 0; i < r.images(); ++i) sum += static_cast<double>(r.total.row(n)[i]);
    }
  }
  double total[1] = {sum};
  reducer_->sum(total);
  return total[0];
}

/// A damped step of every node towards its evidence, and its new scale. Returns the mean movement.
double Learner::update(const PassSums& sums, std::int64_t pass) {
  Layer& layer = state_.layers[static_cast<std::size_t>(state_.layer)];
  const double least = pass_->least_sigma();
  const double step = config_.step * least * least / std::sqrt(static_cast<double>(pass));
  const double most = 1 / std::sqrt(layer.spec.density);
  const double initial = config_.initial * static_cast<double>(layer.spec.size);
  const double first_radius =
      std::max(1.0, std::round(std::min(config_.range * static_cast<double>(layer.spec.size) / 2,
                                        config_.reach * initial)));
  double moved = 0;
  for (std::size_t n = 0; n < layer.delta.size(); ++n) {
    const double* s = sums.nodes.data() + n * kernels::kPatternSums;
    const double mass = std::max(s[2], 1e-8);
    const double h = step * s[0] / mass;
    const double w = step * s[1] / mass;
    moved += std::sqrt(h * h + w * w);
    layer.mu_h[n] = static_cast<float>(static_cast<double>(layer.mu_h[n]) + h);
    layer.mu_w[n] = static_cast<float>(static_cast<double>(layer.mu_w[n]) + w);
    const double radius =
        config_.released.initial_step ? first_radius : static_cast<double>(pass_->radius()[n]);
    const double spread =
        s[4] > 0 ? 2 * radius / kernels::kPatternGrid * std::sqrt(s[3] / s[4]) : 0;
    layer.delta[n] = static_cast<float>(std::clamp(spread, most / 10, most));
  }
  return moved / static_cast<double>(layer.delta.size());
}

void Learner::finish_layer() {
  const auto l = static_cast<std::size_t>(state_.layer);
  Layer& layer = state_.layers[l];
  const auto mean = [&](Rows Records::*rows) {
    return mean_of(state_.current, *reducer_,
                   [&](const Records& r, std::int64_t n, std::int64_t i) {
                     return static_cast<double>((r.*rows).at(n, i));
                   });
  };
  layer.mean_h = to_floats(mean(&Records::h));
  layer.mean_w = to_floats(mean(&Records::w));
  const std::vector<double> totals = mean(&Records::total);
  layer.mean_total = to_floats(totals);
  const double unit =
      std::accumulate(totals.begin(), totals.end(), 0.0) / static_cast<double>(totals.size());
  layer.score_unit = unit > 0 ? unit : 1;
  layer.rank = rank_nodes(state_.current, 0, layer.score_unit, *reducer_);
  state_.records[l] = std::move(state_.current);
  state_.current.clear();
}

bool Learner::another_restart(double score) {
  if (!config_.flips || !is_top() || config_.restarts == 1) return false;
  const auto l = static_cast<std::size_t>(state_.layer);
  if (score > state_.best_score) {
    state_.best_score = score;
    state_.best_layer = state_.layers[l];
    state_.best_records = state_.records[l];
    state_.best_mirror = state_.mirror;
  }
  if (++state_.restart < config_.restarts) {
    for (auto& mirror : state_.mirror) std::ranges::fill(mirror, std::uint8_t{0});
    begin_layer();
    return true;
  }
  state_.layers[l] = std::move(state_.best_layer);
  state_.records[l] = std::move(state_.best_records);
  state_.mirror = std::move(state_.best_mirror);
  return false;
}

std::string Learner::misfit(const Snapshot& snapshot, std::size_t l) const {
  const Layer& layer = snapshot.layers[l];
  const std::string of = " of layer " + specs_[l].name;
  if (layer.spec != specs_[l]) return "the size, filters or nodes" + of;
  const auto place = static_cast<std::int64_t>(l);
  if (place < snapshot.layer) return "";  // not begun
  const auto nodes = static_cast<std::size_t>(specs_[l].count());
  if (layer.mu_h.size() != nodes || layer.mu_w.size() != nodes || layer.delta.size() != nodes) {
    return "the positions" + of;
  }
  if (place == snapshot.layer) return "";  // not finished
  if (layer.mean_h.size() != nodes) return "the mean positions" + of;
  return records_fit(snapshot.records[l], specs_[l].count(), shards_) ? "" : "the records" + of;
}

std::string Learner::misfit(const Snapshot& snapshot) const {
  if (snapshot.layer >= static_cast<std::int64_t>(specs_.size()) ||
      snapshot.layers.size() != specs_.size() || snapshot.records.size() != specs_.size()) {
    return "the number of layers";
  }
  for (std::size_t l = 0; l < specs_.size(); ++l) {
    if (std::string found = misfit(snapshot, l); !found.empty()) return found;
  }
  const auto size = [](const auto& mirror) { return mirror.size(); };
  if (!std::ranges::equal(snapshot.mirror, state_.mirror, {}, size, size)) {
    return "the number of mirrored pictures";
  }
  if (snapshot.layer < 0 || snapshot.pass <= 1) return "";
  const LayerSpec& now = specs_[static_cast<std::size_t>(snapshot.layer)];
  return records_fit(snapshot.current, now.count(), shards_) ? "" : "the records of " + now.name;
}

void Learner::resume(Snapshot snapshot) {
  if (const std::string found = misfit(snapshot); !found.empty()) {
    throw Error(ErrorKind::kShape, "the checkpoint belongs to another graph or other images")
        .got("a difference in " + found)
        .hint("give the net, pictures and options it was begun with, or start anew");
  }
  state_ = std::move(snapshot);
  if (!done()) look_up();
}

ExplanatoryGraph Learner::graph() const {
  check(done(), "the graph before learning has ended");
  return {config_, state_.layers};
}

}  // namespace cutaway::explain::graph
