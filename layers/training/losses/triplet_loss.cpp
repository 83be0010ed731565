#include "layers/training/losses/triplet_loss.h"

#include "runtime/error.h"

namespace cutaway {
namespace {

bool same(std::span<const std::int32_t> labels, std::int64_t i, std::int64_t j) {
  return labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
}

bool semi_hard_setting(const Attributes& settings) {
  const std::string mining = settings.text("mining", "batch_hard");
  if (mining == "batch_hard") return false;
  if (mining == "semi_hard") return true;
  throw Error(ErrorKind::kInput, "mining of triplets")
      .expected("'batch_hard' or 'semi_hard'")
      .got("'" + mining + "'");
}

}  // namespace

TripletLoss::TripletLoss(const Graph& graph, NodeId /*logits*/, const Attributes& settings)
    : SimilarityLoss(graph, settings, {}),
      margin_(setting(settings, "margin", 0.2, 0.0, 4.0)),
      semi_hard_(semi_hard_setting(settings)) {}

std::vector<TripletLoss::Triplet> TripletLoss::batch_hard(
    const Matrix& d, std::span<const std::int32_t> labels) const {
  std::vector<Triplet> found;
  for (std::int64_t a = 0; a < d.rows; ++a) {
    Triplet t{a, -1, -1};
    for (std::int64_t i = 0; i < d.rows; ++i) {
      if (i == a) continue;
      if (same(labels, a, i)) {
        if (t.p < 0 || d.at(a, i) > d.at(a, t.p)) t.p = i;
      } else if (t.n < 0 || d.at(a, i) < d.at(a, t.n)) {
        t.n = i;
      }
    }
    if (t.p >= 0 && t.n >= 0) found.push_back(t);
  }
  return found;
}

std::vector<TripletLoss::Triplet> TripletLoss::semi_hard(
    const Matrix& d, std::span<const std::int32_t> labels) const {
  std::vector<Triplet> found;
  for (std::int64_t a = 0; a < d.rows; ++a) {
    for (std::int64_t p = 0; p < d.rows; ++p) {
      if (p == a || !same(labels, a, p)) continue;
      Triplet t{a, p, -1};
      for (std::int64_t n = 0; n < d.rows; ++n) {
        if (same(labels, a, n)) continue;
        const bool within = d.at(a, n) > d.at(a, p) && d.at(a, n) < d.at(a, p) + margin_;
        if (within && (t.n < 0 || d.at(a, n) < d.at(a, t.n))) t.n = n;
      }
      if (t.n >= 0) found.push_back(t);
    }
  }
  return found;
}

double TripletLoss::compare(const Matrix& g,
                            std::span<const std::int32_t> labels,
                            Matrix& dg) const {
  Matrix d(g.rows, g.rows);
  for (std::int64_t i = 0; i < g.rows; ++i) {
    for (std::int64_t j = 0; j < g.rows; ++j)
      d.at(i, j) = g.at(i, i) + g.at(j, j) - 2.0 * g.at(i, j);
  }
  const std::vector<Triplet> triplets = semi_hard_ ? semi_hard(d, labels) : batch_hard(d, labels);
  if (triplets.empty()) return 0.0;
  const double share = 1.0 / static_cast<double>(triplets.size());
  const auto add_distance = [&](std::int64_t i, std::int64_t j, double by) {
    dg.at(i, i) += by;
    dg.at(j, j) += by;
    dg.at(i, j) -= 2.0 * by;
  };
  double sum = 0.0;
  for (const Triplet& t : triplets) {
    const double over = d.at(t.a, t.p) - d.at(t.a, t.n) + margin_;
    if (!(over > 0.0)) continue;
    sum += over;
    add_distance(t.a, t.p, share);
    add_distance(t.a, t.n, -share);
  }
  return sum * share;
}

}  // namespace cutaway
