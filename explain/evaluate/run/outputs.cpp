#include "explain/evaluate/run/outputs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/report/chart.h"
#include "runtime/files/csv.h"

namespace cutaway::explain {
namespace {

std::string text_of(const Interval& i) {
  if (i.count == 0) return "-";
  char text[80];
  if (i.known()) {
    std::snprintf(text, sizeof text, "%.4g (%.4g to %.4g)", i.value, i.low, i.high);
  } else {
    std::snprintf(text, sizeof text, "%.4g", i.value);
  }
  return text;
}

std::string short_number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", v);
  return std::isnan(v) ? "-" : text;
}

/// The pairs (a, b) of rows whose comparison is written: a before b.
template <class Body>
void each_pair(std::size_t rows, const Body& body) {
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = a + 1; b < rows; ++b) body(a, b);
  }
}

struct Pair {
  std::size_t a, b;
  PairedComparison found;
  double adjusted;
};

std::vector<Pair> compare_all(const MetricTable& table) {
  std::vector<Pair> pairs;
  std::vector<double> p;
  each_pair(table.values.size(), [&](std::size_t a, std::size_t b) {
    pairs.push_back(
        {a, b, compare_paired(table.values[a], table.values[b], table.higher_is_better), 1.0});
    p.push_back(pairs.back().found.wilcoxon_p);
  });
  const std::vector<double> adjusted = holm_adjusted(p);
  for (std::size_t k = 0; k < pairs.size(); ++k) pairs[k].adjusted = adjusted[k];
  return pairs;
}

void add_metric(StudyPage& page, const EvaluateResults& results, std::size_t metric) {
  const MetricInfo& info = results.metrics[metric];
  const MetricTable table = results.table(metric);
  page.section(info.name, info.higher_is_better ? "Higher is better." : "Lower is better.");
  const std::vector<double> ranks = rank_methods(table);
  std::vector<std::size_t> order;
  for (std::size_t m = 0; m < ranks.size(); ++m) order.push_back(m);
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return ranks[a] < ranks[b]; });
  const std::size_t best = order.front();
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t m : order) {
    std::string against = "-";
    if (m != best) {
      const PairedComparison c =
          compare_paired(table.values[best], table.values[m], table.higher_is_better);
      char text[80];
      std::snprintf(text, sizeof text, "%.0f %% (p %.2g)", 100.0 * c.share, c.wilcoxon_p);
      against = text;
    }
    const Interval i = mean_interval(table.values[m]);
    rows.push_back(
        {results.methods[m], text_of(i), short_number(ranks[m]), against, std::to_string(i.count)});
  }
  page.table({"method", "mean (95 % interval)", "rank", "the first beats it on", "pictures"}, rows);
}

void add_curves(StudyPage& page, const EvaluateResults& results) {
  std::vector<std::string> svgs;
  for (const bool insertion : {false, true}) {
    const auto curves =
        mean_curves(results, insertion ? &PictureResult::insertion : &PictureResult::deletion);
    if (curves.empty()) continue;
    Chart chart{insertion ? "insertion" : "deletion",
                insertion ? "share of pixels shown" : "share of pixels removed",
                {},
                curves,
                0,
                0};
    const std::size_t count = curves.front().size();
    for (std::size_t k = 0; k < count; ++k) {
      chart.x.push_back(static_cast<double>(k) / static_cast<double>(count - 1));
    }
    svgs.push_back(chart_svg(chart));
  }
  if (svgs.empty()) return;
  svgs.push_back(legend_svg(results.methods));
  page.section("Curves",
               "Mean probability of the class while pixels change, the most important first.");
  page.charts(svgs, "");
}

void add_sanity(StudyPage& page, const EvaluateResults& results) {
  if (results.sanity.empty()) return;
  page.section("Sanity check",
               "How alike each method's maps are to those of the trained net after layers from the "
               "scores downwards have got new weights (Adebayo et al. 2018). A method whose maps "
               "stay alike does not show what was learned.");
  const std::size_t steps = results.sanity.front().layers.size();
  std::vector<std::string> svgs, names;
  for (const int which : {0, 1, 2, 3}) {
    constexpr const char* kTitles[] = {"rank correlation of absolute values", "rank correlation",
                                       "structural similarity", "correlation of HOG"};
    Chart chart{kTitles[which], "groups of layers changed", {}, {}, 0, 1};
    for (std::size_t k = 0; k < steps; ++k) chart.x.push_back(static_cast<double>(k + 1));
    for (const SanityCurve& c : results.sanity) {
      const auto& from = which == 0   ? c.spearman_absolute
                         : which == 1 ? c.spearman
                         : which == 2 ? c.ssim
                                      : c.hog;
      auto& line = chart.lines.emplace_back();
      for (const Interval& i : from) line.push_back(i.value);
    }
    svgs.push_back(chart_svg(chart));
  }
  for (std::size_t m = 0; m < results.sanity.size(); ++m) names.push_back(results.methods[m]);
  svgs.push_back(legend_svg(names));
  page.charts(svgs, "The last group holds the lowest layers.");
  std::vector<std::vector<std::string>> rows;
  for (std::size_t m = 0; m < results.sanity.size(); ++m) {
    const SanityCurve& c = results.sanity[m];
    rows.push_back({results.methods[m], text_of(c.spearman_absolute.back()),
                    text_of(c.spearman.back()), text_of(c.ssim.back()), text_of(c.hog.back())});
  }
  page.table({"all layers changed", "rank, absolute", "rank", "SSIM", "HOG"}, rows);
}

void add_continuity(StudyPage& page, const EvaluateResults& results) {
  if (results.continuity.empty()) return;
  page.section(
      "Continuity",
      "How far maps go for how far pictures go: |R(x) - R(x')| over |x - x'| (Montavon et "
      "al. 2018, section 7.1). Lower is steadier. Maximum over all pairs; 95 % quantile and "
      "mean of a sequence, averaged over the sequences. continuity.gif shows the first "
      "picture moving.");
  std::vector<std::vector<std::string>> rows;
  for (const ContinuityRow& r : results.continuity) {
    rows.push_back({r.method + (r.normalized ? ", normalised" : ", raw"), to_string(r.motion),
                    short_number(r.ratio.maximum), short_number(r.ratio.quantile95),
                    short_number(r.ratio.mean), std::to_string(r.ratio.pairs)});
  }
  page.table({"maps of", "pairs of", "maximum", "95 % quantile", "mean", "pairs"}, rows);
}

}  // namespace

std::string csv_field(const std::string& text) { return files::csv_cell(text); }

std::string csv_value(double v) {
  if (!std::isfinite(v)) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

MetricTable EvaluateResults::table(std::size_t metric) const {
  MetricTable t;
  t.higher_is_better = metrics[metric].higher_is_better;
  t.values.resize(methods.size());
  for (const PictureResult& p : pictures) {
    if (!p.error.empty()) continue;
    for (std::size_t m = 0; m < methods.size(); ++m) t.values[m].push_back(p.values[m][metric]);
  }
  return t;
}

std::vector<std::vector<double>> mean_curves(
    const EvaluateResults& results, std::vector<std::vector<double>> PictureResult::*curves) {
  std::vector<std::vector<double>> sums;
  double count = 0.0;
  for (const PictureResult& p : results.pictures) {
    const auto& of = p.*curves;
    if (of.empty()) continue;
    count += 1.0;
    if (sums.empty()) sums.assign(of.size(), std::vector<double>(of.front().size(), 0.0));
    for (std::size_t m = 0; m < of.size(); ++m) {
      for (std::size_t k = 0; k < of[m].size(); ++k) sums[m][k] += of[m][k];
    }
  }
  for (auto& sum : sums) {
    for (double& v : sum) v /= count;
  }
  return sums;
}

std::string metrics_csv(const EvaluateResults& results) {
  std::string csv = "picture,class,probability,method,metric,value\n";
  for (const PictureResult& p : results.pictures) {
    if (!p.error.empty()) continue;
    const std::string head =
        csv_field(p.name) + "," + std::to_string(p.target) + "," + csv_value(p.probability) + ",";
    for (std::size_t m = 0; m < results.methods.size(); ++m) {
      for (std::size_t k = 0; k < results.metrics.size(); ++k) {
        csv += head + csv_field(results.methods[m]) + "," + results.metrics[k].name + "," +
               csv_value(p.values[m][k]) + "\n";
      }
    }
  }
  return csv;
}

std::string summary_csv(const EvaluateResults& results) {
  std::string csv = "method,metric,mean,low,high,pictures,rank\n";
  for (std::size_t k = 0; k < results.metrics.size(); ++k) {
    const MetricTable table = results.table(k);
    const std::vector<double> ranks = rank_methods(table);
    for (std::size_t m = 0; m < results.methods.size(); ++m) {
      const Interval i = mean_interval(table.values[m]);
      csv += csv_field(results.methods[m]) + "," + results.metrics[k].name + "," +
             csv_value(i.value) + "," + csv_value(i.low) + "," + csv_value(i.high) + "," +
             std::to_string(i.count) + "," + csv_value(ranks[m]) + "\n";
    }
  }
  return csv;
}

std::string paired_csv(const EvaluateResults& results) {
  std::string csv =
      "metric,a,b,a_better,b_better,equal,share_a_better,difference,low,high,sign_p,wilcoxon_p,"
      "holm_p\n";
  for (std::size_t k = 0; k < results.metrics.size(); ++k) {
    for (const Pair& pair : compare_all(results.table(k))) {
      const PairedComparison& c = pair.found;
      csv += std::string(results.metrics[k].name) + "," + csv_field(results.methods[pair.a]) + "," +
             csv_field(results.methods[pair.b]) + "," + std::to_string(c.better) + "," +
             std::to_string(c.worse) + "," + std::to_string(c.equal) + "," + csv_value(c.share) +
             "," + csv_value(c.difference.value) + "," + csv_value(c.difference.low) + "," +
             csv_value(c.difference.high) + "," + csv_value(c.sign_p) + "," +
             csv_value(c.wilcoxon_p) + "," + csv_value(pair.adjusted) + "\n";
    }
  }
  return csv;
}

std::string curves_csv(const EvaluateResults& results) {
  std::string csv = "curve,method,step,probability\n";
  for (const bool insertion : {false, true}) {
    const auto curves =
        mean_curves(results, insertion ? &PictureResult::insertion : &PictureResult::deletion);
    for (std::size_t m = 0; m < curves.size(); ++m) {
      for (std::size_t k = 0; k < curves[m].size(); ++k) {
        csv += std::string(insertion ? "insertion" : "deletion") + "," +
               csv_field(results.methods[m]) + "," + std::to_string(k) + "," +
               csv_value(curves[m][k]) + "\n";
      }
    }
  }
  return csv;
}

std::string sanity_csv(const EvaluateResults& results) {
  std::string csv = "method,step,down_to,measure,mean,low,high\n";
  for (std::size_t m = 0; m < results.sanity.size(); ++m) {
    const SanityCurve& c = results.sanity[m];
    const std::pair<const char*, const std::vector<Interval>*> measures[] = {
        {"spearman_absolute", &c.spearman_absolute},
        {"spearman", &c.spearman},
        {"ssim", &c.ssim},
        {"hog", &c.hog}};
    for (std::size_t k = 0; k < c.layers.size(); ++k) {
      for (const auto& [name, values] : measures) {
        const Interval& i = (*values)[k];
        csv += csv_field(results.methods[m]) + "," + std::to_string(k + 1) + "," +
               csv_field(c.layers[k]) + "," + name + "," + csv_value(i.value) + "," +
               csv_value(i.low) + "," + csv_value(i.high) + "\n";
      }
    }
  }
  return csv;
}

void add_tables(StudyPage& page, const EvaluateResults& results) {
  for (std::size_t k = 0; k < results.metrics.size(); ++k) add_metric(page, results, k);
  add_curves(page, results);
  add_sanity(page, results);
  add_continuity(page, results);
}

}  // namespace cutaway::explain
