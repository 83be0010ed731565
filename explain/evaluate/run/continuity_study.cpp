#include "explain/evaluate/run/continuity_study.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "explain/evaluate/run/measure.h"
#include "explain/evaluate/run/outputs.h"
#include "explain/pictures/preprocess.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kAtOnce = 8;
constexpr double kNoise = 0.01;  // of black to white: what a camera adds
constexpr std::array kMotions{Motion::kTranslation, Motion::kJitter, Motion::kClass};

/// Those pictures as one batch.
Tensor stacked(const std::vector<const Tensor*>& pictures) {
  Shape s = pictures.front()->shape();
  const auto size = static_cast<std::ptrdiff_t>(pictures.front()->f32().size());
  s.n = static_cast<std::int64_t>(pictures.size());
  Tensor all(kCpuDevice, DType::kF32, s);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    std::ranges::copy(pictures[i]->f32(),
                      all.f32().begin() + static_cast<std::ptrdiff_t>(i) * size);
  }
  return all;
}

/// Of several sequences: the greatest maximum, and means of the rest.
Continuity together(const std::vector<Continuity>& sequences) {
  Continuity all;
  double n = 0.0;
  for (const Continuity& c : sequences) {
    if (c.pairs == 0) continue;
    all.maximum = n == 0.0 ? c.maximum : std::max(all.maximum, c.maximum);
    all.quantile95 += c.quantile95;
    all.mean += c.mean;
    all.pairs += c.pairs;
    n += 1.0;
  }
  if (n == 0.0) {
    all.maximum = all.quantile95 = all.mean = std::numeric_limits<double>::quiet_NaN();
    return all;
  }
  all.quantile95 /= n;
  all.mean /= n;
  return all;
}

}  // namespace

const char* to_string(Motion motion) {
  constexpr const char* kNames[] = {"translation", "jitter", "class"};
  return kNames[static_cast<std::size_t>(motion)];
}

ContinuityStudy::ContinuityStudy(const EvaluateJob& job,
                                 const weights::Package& package,
                                 const RunContext& context,
                                 std::vector<std::string> rows,
                                 std::vector<Explainer> explainers)
    : job_(job),
      package_(package),
      context_(context),
      rows_(std::move(rows)),
      explainers_(std::move(explainers)),
      pixels_(pixel_space(package.preprocess)) {
  for (auto& found : found_) found.resize(rows_.size());
}

void ContinuityStudy::note(std::size_t row, Motion motion, const ContinuityResult& result) {
  Found& found = found_[static_cast<std::size_t>(motion)][row];
  found.raw.push_back(result.raw);
  found.normalized.push_back(result.normalized);
}

void ContinuityStudy::add(const Tensor& picture, std::int64_t target) {
  const std::int64_t shift = job_.continuity_shift;
  const Tensor moved = translation_sequence(picture, -shift, shift, pixels_.black);
  const Tensor noisy =
      jitters(picture, job_.continuity_jitters, kNoise, pixels_, context_.settings.seed);
  for (std::size_t row = 0; row < explainers_.size(); ++row) {
    note(row, Motion::kTranslation,
         measure_continuity(explainers_[row], moved, target, Pairing::kConsecutive, kAtOnce,
                            context_.observer));
    note(row, Motion::kJitter,
         measure_continuity(explainers_[row], noisy, target, Pairing::kWithFirst, kAtOnce,
                            context_.observer));
  }
  if (kept_.empty()) draw(moved, target);
  kept_.emplace_back(target, picture.clone());
}

void ContinuityStudy::draw(const Tensor& moved, std::int64_t target) {
  const Shape& s = moved.shape();
  const auto height = static_cast<int>(s.h), width = static_cast<int>(s.w);
  const auto plane = static_cast<std::size_t>(s.plane());
  std::vector<Tensor> maps;
  std::vector<Limits> limits;
  const auto size = static_cast<std::size_t>(s.c) * plane;
  for (const Explainer& explain : explainers_) {
    maps.push_back(zeros({s.n, 1, s.h, s.w}));
    for (std::int64_t n = 0; n < s.n; ++n) {
      const auto at = static_cast<std::size_t>(n);
      const Tensor one = tensor_of({1, s.c, s.h, s.w}, moved.f32().subspan(at * size, size));
      const std::vector<std::int64_t> targets{target};
      std::ranges::copy(explain(one, targets).f32(),
                        maps.back().f32().begin() + static_cast<std::ptrdiff_t>(at * plane));
    }
    const Map tall{maps.back().f32(), static_cast<int>(s.n) * height, width};
    limits.push_back(shared_limits({&tall, 1}, Normalization::percentile(0.99)));
  }
  for (std::int64_t n = 0; n < s.n; ++n) {
    const Image seen = deprocess(moved.ref().in(), n, package_.preprocess);
    std::vector<Tile> tiles{{seen, "the picture", ""}};
    for (std::size_t row = 0; row < maps.size(); ++row) {
      const Map map{maps[row].f32().subspan(static_cast<std::size_t>(n) * plane, plane), height,
                    width};
      Style style;
      if (limits[row].low < limits[row].high)
        style.normalization = Normalization::fixed_limits(limits[row]);
      tiles.push_back({overlay(seen, map, style).image, rows_[row], ""});
    }
    frames_.push_back(grid(tiles, std::min<int>(4, static_cast<int>(tiles.size()))));
  }
}

std::vector<ContinuityRow> ContinuityStudy::rows() {
  std::map<std::int64_t, std::vector<const Tensor*>> classes;
  for (const auto& [target, picture] : kept_) classes[target].push_back(&picture);
  for (const auto& [target, pictures] : classes) {
    if (pictures.size() < 2) continue;
    const Tensor all = stacked(pictures);
    for (std::size_t row = 0; row < explainers_.size(); ++row) {
      note(row, Motion::kClass,
           measure_continuity(explainers_[row], all, target, Pairing::kAll, kAtOnce,
                              context_.observer));
    }
  }
  std::vector<ContinuityRow> table;
  for (const Motion motion : kMotions) {
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      Found& found = found_[static_cast<std::size_t>(motion)][row];
      if (found.raw.empty()) continue;
      table.push_back({rows_[row], motion, false, together(found.raw)});
      table.push_back({rows_[row], motion, true, together(found.normalized)});
      if (motion == Motion::kClass) found = {};
    }
  }
  return table;
}

std::string continuity_csv(const std::vector<ContinuityRow>& rows) {
  std::string csv = "method,pairs_of,maps,maximum,quantile95,mean,pairs\n";
  for (const ContinuityRow& r : rows) {
    csv += csv_field(r.method) + "," + to_string(r.motion) + "," +
           (r.normalized ? "normalized" : "raw") + "," + csv_value(r.ratio.maximum) + "," +
           csv_value(r.ratio.quantile95) + "," + csv_value(r.ratio.mean) + "," +
           std::to_string(r.ratio.pairs) + "\n";
  }
  return csv;
}

}  // namespace cutaway::explain
