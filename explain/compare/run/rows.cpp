#include "explain/compare/run/rows.h"

#include <cmath>

#include "explain/evaluate/run/outputs.h"
#include "explain/render/panel.h"

namespace cutaway::explain {

std::string statistics_csv(const std::vector<CompareRow>& rows) {
  std::string csv =
      "layer,representation,distance,intra,inter,ratio,auc,equal_error,threshold,accuracy,"
      "silhouette,recall1,recall5,recall10,map,pixels_pearson,pixels_spearman,undefined\n";
  for (const CompareRow& r : rows) {
    csv += csv_field(r.layer) + "," + r.representation + "," + r.distance;
    for (const double v :
         {r.pairs.intra, r.pairs.inter, r.pairs.ratio, r.pairs.auc, r.pairs.equal_error,
          r.pairs.threshold, r.pairs.accuracy, r.silhouette, r.retrieval.recall[0],
          r.retrieval.recall[1], r.retrieval.recall[2], r.retrieval.mean_average_precision,
          r.pixels.pearson, r.pixels.spearman}) {
      csv += "," + csv_value(v);
    }
    csv += "," + std::to_string(r.pairs.undefined) + "\n";
  }
  return csv;
}

std::vector<std::vector<std::string>> statistics_table(const std::vector<CompareRow>& rows) {
  const auto text = [](double v) { return std::isnan(v) ? std::string("-") : format_number(v); };
  std::vector<std::vector<std::string>> table;
  for (const CompareRow& r : rows) {
    table.push_back({r.layer + " (" + r.representation + ", " + r.distance + ")",
                     text(r.pairs.ratio), text(r.pairs.auc), text(r.pairs.accuracy),
                     text(r.silhouette), text(r.retrieval.recall[0]),
                     text(r.retrieval.mean_average_precision), text(r.pixels.spearman)});
  }
  return table;
}

}  // namespace cutaway::explain
