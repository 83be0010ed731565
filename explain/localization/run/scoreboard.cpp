#include "explain/localization/run/scoreboard.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

namespace cutaway::explain {
namespace {

using Scores = std::vector<PictureScore>;

/// The mean of value(picture) over the pictures that stay.
template <class F>
Interval mean_of(const LeftOut& left_out, Range range, const Scores& scores, F value) {
  std::vector<double> v;
  for (const PictureScore& s : scores) v.push_back(value(s));
  return jackknife_of(left_out, range, [&](const std::vector<int>& kept) {
    double sum = 0.0, n = 0.0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      sum += kept[i] * v[i];
      n += kept[i];
    }
    return sum / n;
  });
}

/// Mean over classes of the share of a class's pictures.
Interval corloc(const LeftOut& left_out, const Scores& scores, std::size_t row) {
  std::map<std::int64_t, std::size_t> index;
  std::vector<std::size_t> class_of;
  for (const PictureScore& s : scores)
    class_of.push_back(index.emplace(s.label, index.size()).first->second);
  return jackknife_of(left_out, Range::kShare, [&](const std::vector<int>& kept) {
    std::vector<double> n(index.size(), 0.0), found(index.size(), 0.0);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      n[class_of[i]] += kept[i];
      if (scores[i].boxes[row].overlap >= 0.5) found[class_of[i]] += kept[i];
    }
    double sum = 0.0, classes = 0.0;
    for (std::size_t c = 0; c < n.size(); ++c) {
      if (n[c] == 0.0) continue;
      sum += found[c] / n[c];
      classes += 1.0;
    }
    return classes > 0.0 ? sum / classes : 0.0;
  });
}

CurveRow curve_row(const LeftOut& left_out, const Scores& scores, std::size_t map, double step) {
  std::vector<BoxHits> hits;
  for (const PictureScore& s : scores) hits.push_back(s.hits[map]);
  CurveRow row;
  std::vector<double> v1, v2;
  for (std::int64_t k = 0; k <= left_out.groups(); ++k) {
    MaxBoxAcc acc = max_box_acc(hits, step, left_out.kept(k));
    v1.push_back(acc.v1);
    v2.push_back(acc.v2);
    if (v1.size() == 1) row.all = std::move(acc);
  }
  row.v1 = jackknife(v1, left_out, Range::kShare);
  row.v2 = jackknife(v2, left_out, Range::kShare);
  return row;
}

std::string percent(const Interval& v) {
  char text[64];
  if (v.known()) {
    std::snprintf(text, sizeof text, "%5.1f [%4.1f, %4.1f]", 100 * v.value, 100 * v.low,
                  100 * v.high);
  } else {
    std::snprintf(text, sizeof text, "%5.1f", 100 * v.value);
  }
  return text;
}

std::string cell(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

}  // namespace

BoxScore score_boxes(const std::vector<ClassBoxes>& ranked,
                     const RealBox& of_true_class,
                     std::int64_t label,
                     std::span<const RealBox> truth) {
  const std::vector<Guess> one = one_guess_a_class(ranked);
  const std::span<const Guess> first(one.data(), std::min<std::size_t>(1, one.size()));
  const std::span<const Guess> five(one.data(), std::min<std::size_t>(5, one.size()));
  return {best_overlap(of_true_class, truth), localization_error(first, label, truth) == 0,
          localization_error(five, label, truth) == 0,
          localization_error(five_guesses(ranked), label, truth) == 0};
}

LocalizationTable make_table(const Scores& scores,
                             const std::vector<std::pair<std::string, std::string>>& rows,
                             const std::vector<std::string>& maps,
                             std::int64_t groups,
                             double step,
                             std::uint64_t seed,
                             std::int64_t top) {
  LocalizationTable table;
  table.classes = std::min<std::int64_t>(5, top);
  table.pictures = static_cast<std::int64_t>(scores.size());
  if (scores.empty()) return table;
  const LeftOut left_out(table.pictures, groups, seed);
  table.top1 = mean_of(left_out, Range::kShare, scores,
                       [](const PictureScore& s) { return s.rank == 0 ? 0.0 : 1.0; });
  table.topk = mean_of(left_out, Range::kShare, scores,
                       [](const PictureScore& s) { return s.rank >= 0 ? 0.0 : 1.0; });
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto error = [&](bool BoxScore::*found) {
      return mean_of(left_out, Range::kShare, scores,
                     [&](const PictureScore& s) { return s.boxes[r].*found ? 0.0 : 1.0; });
    };
    BoxRow row;
    row.method = rows[r].first;
    row.rule = rows[r].second;
    row.gt_known = mean_of(left_out, Range::kShare, scores, [&](const PictureScore& s) {
      return s.boxes[r].overlap >= 0.5 ? 1.0 : 0.0;
    });
    row.corloc = corloc(left_out, scores, r);
    row.overlap = mean_of(left_out, Range::kAny, scores,
                          [&](const PictureScore& s) { return s.boxes[r].overlap; });
    row.top1_error = error(&BoxScore::top1);
    row.topk_error = error(&BoxScore::topk);
    row.five_error = error(&BoxScore::five);
    table.boxes.push_back(row);
  }
  for (std::size_t m = 0; m < maps.size(); ++m) {
    table.curves.push_back(curve_row(left_out, scores, m, step));
    table.curves.back().method = maps[m];
  }
  return table;
}

std::string to_text(const LocalizationTable& table) {
  char head[160];
  std::snprintf(head, sizeof head,
                "%lld pictures with class and box; classification error top-1 %s, top-k %s\n",
                static_cast<long long>(table.pictures), percent(table.top1).c_str(),
                percent(table.topk).c_str());
  std::string text = head;
  std::size_t method = 6, rule = 5;
  for (const BoxRow& r : table.boxes) {
    method = std::max(method, r.method.size());
    rule = std::max(rule, r.rule.size());
  }
  constexpr std::size_t kCell = 18;
  const bool several = table.classes > 1;
  text += "\n" + cell("method", method) + cell("boxes", rule) + cell("GT-known", kCell) +
          cell("CorLoc", kCell) + cell("mean IoU", kCell) + cell("top-1 loc error", kCell) +
          (several ? cell("top-" + std::to_string(table.classes) + " loc error", kCell) : "") +
          "five guesses\n";
  for (const BoxRow& r : table.boxes) {
    text += cell(r.method, method) + cell(r.rule, rule) + cell(percent(r.gt_known), kCell) +
            cell(percent(r.corloc), kCell) + cell(percent(r.overlap), kCell) +
            cell(percent(r.top1_error), kCell) +
            (several ? cell(percent(r.topk_error), kCell) : "") + percent(r.five_error) + "\n";
  }
  if (table.curves.empty()) return text;
  text += "\n" + cell("method", method) + cell("MaxBoxAcc", kCell) + cell("at tau", 6) +
          cell("MaxBoxAccV2", kCell) + "0.3 / 0.5 / 0.7\n";
  for (const CurveRow& r : table.curves) {
    char more[64], tau[16];
    std::snprintf(tau, sizeof tau, "%.3f", r.all.v1_threshold);
    std::snprintf(more, sizeof more, "%.1f / %.1f / %.1f", 100 * r.all.v2_at[0],
                  100 * r.all.v2_at[1], 100 * r.all.v2_at[2]);
    text += cell(r.method, method) + cell(percent(r.v1), kCell) + cell(tau, 6) +
            cell(percent(r.v2), kCell) + more + "\n";
  }
  return text;
}

}  // namespace cutaway::explain
