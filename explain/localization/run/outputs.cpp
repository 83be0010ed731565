#include "explain/localization/run/outputs.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "explain/localization/run/draw.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/runs/load_network.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/csv.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string number(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

Json json_of(const Interval& v) { return {{"value", v.value}, {"low", v.low}, {"high", v.high}}; }

}  // namespace

RowNames row_names(const LocalizeJob& job) {
  RowNames names;
  for (const MethodChoice& method : job.methods) {
    for (const RuleChoice& rule : job.rules) names.rows.emplace_back(method.name, rule.name);
    names.maps.push_back(method.name);
  }
  names.rows.emplace_back("-", "whole picture");
  names.rows.emplace_back("-", "centre box");
  names.maps.emplace_back("centre Gaussian");
  return names;
}

LocalizeOutputs::LocalizeOutputs(const LocalizeJob& job,
                                 const weights::Package& package,
                                 RunFolder& folder)
    : job_(job), package_(package), folder_(folder), names_(row_names(job)) {
  lines_.open(folder.claim("boxes.csv.part"), std::ios::binary);
  lines_ << "file,method,rule,rank,label,class,probability,box,x1,y1,x2,y2,overlap,fallback\n";
}

std::string LocalizeOutputs::lines_of(const Located& p) const {
  std::string lines;
  for (std::size_t r = 0; r < p.found.size(); ++r) {
    for (std::size_t k = 0; k < p.classes.size(); ++k) {
      const Located::Found& found = p.found[r][k];
      const std::string head = files::csv_cell(valid_utf8(p.entry.name)) + "," +
                               names_.rows[r].first + "," + names_.rows[r].second + "," +
                               (k < p.ranked ? std::to_string(k + 1) : "") + "," +
                               std::to_string(p.classes[k].label) + "," +
                               files::csv_cell(label_name(package_, p.classes[k].label)) + "," +
                               number(p.classes[k].probability, 6);
      const std::size_t most = std::min<std::size_t>(2, found.boxes.size());
      for (std::size_t b = 0; b < most; ++b) {
        const RealBox& box = found.boxes[b];
        const bool judged = !p.truth.empty() && p.label && p.classes[k].label == *p.label;
        lines += head + "," + std::to_string(b + 1) + "," + number(box.x1, 2) + "," +
                 number(box.y1, 2) + "," + number(box.x2, 2) + "," + number(box.y2, 2) + "," +
                 (judged ? number(best_overlap(box, p.truth), 4) : "") + "," +
                 (found.fallback ? "1" : "0") + "\n";
      }
    }
  }
  return lines;
}

void LocalizeOutputs::draw(const Located& p, const std::string& stem) {
  constexpr int kSide = 224;
  std::vector<Tile> tiles;
  std::vector<std::string> rows;
  for (std::size_t r = 0; r < p.found.size(); ++r) {
    rows.push_back(names_.rows[r].first + " " + names_.rows[r].second);
    for (std::size_t k = 0; k < p.classes.size(); ++k) {
      const Located::Found& found = p.found[r][k];
      std::string note = number(100 * p.classes[k].probability, 1) + " %";
      if (p.label && p.classes[k].label == *p.label) {
        note += ", true class";
        if (!p.truth.empty())
          note += ", IoU " + number(best_overlap(found.boxes.at(0), p.truth), 2);
      }
      if (found.fallback) note += ", nothing found";
      tiles.push_back(
          {thumbnail(found.drawn, kSide), label_name(package_, p.classes[k].label), note});
    }
  }
  write_png(folder_.claim(stem + ".png"),
            grid(tiles, static_cast<int>(p.classes.size()), {}, rows));
}

ReportRow LocalizeOutputs::report_row(const Located& p) const {
  ReportRow row;
  row.name = p.entry.name;
  row.error = p.error;
  if (!p.error.empty()) return row;
  row.photo = p.scene->picture();
  if (p.label) {
    row.true_label = label_name(package_, *p.label);
    row.correct = p.classes.at(0).label == *p.label;
  }
  for (std::size_t k = 0; k < p.ranked; ++k) {
    row.predictions.push_back({label_name(package_, p.classes[k].label), p.classes[k].probability});
  }
  for (std::size_t r = 0; r < p.found.size(); ++r) {
    const Located::Found& found = p.found[r][0];
    ReportCell cell;
    cell.method = names_.rows[r].first + " " + names_.rows[r].second;
    cell.target = label_name(package_, p.classes[0].label);
    cell.picture = found.drawn;
    cell.over_photo = cell.scaled = false;
    if (found.fallback) cell.warning = "nothing was found";
    if (!p.truth.empty()) {
      cell.parameters = "IoU " + number(best_overlap(found.boxes.at(0), p.truth), 2);
    }
    row.cells.push_back(std::move(cell));
  }
  return row;
}

std::string LocalizeOutputs::add(std::int64_t n, const Located& p) {
  const std::string stem = files_.stem(n, p.entry.name);
  std::string lines = p.error.empty() ? lines_of(p) : "";
  lines_ << lines;
  if (n >= job_.pictures) return lines;
  if (p.error.empty()) draw(p, stem);
  report_.push_back(report_row(p));
  return lines;
}

void LocalizeOutputs::add(std::int64_t n, const LocalizedPicture& p) {
  check(n >= job_.pictures, "a picture that is drawn comes from no journal");
  (void)files_.stem(n, p.name);
  lines_ << p.lines;
}

std::string results_json(const LocalizeJob& job, const LocalizeSummary& s) {
  Json rows = Json::array(), curves = Json::array();
  for (const BoxRow& r : s.table.boxes) {
    rows.push_back({{"method", r.method},
                    {"boxes", r.rule},
                    {"gt_known", json_of(r.gt_known)},
                    {"corloc", json_of(r.corloc)},
                    {"mean_overlap", json_of(r.overlap)},
                    {"top1_error", json_of(r.top1_error)},
                    {"k", s.table.classes},
                    {"topk_error", json_of(r.topk_error)},
                    {"five_guesses_error", json_of(r.five_error)}});
  }
  for (const CurveRow& r : s.table.curves) {
    curves.push_back({{"method", r.method},
                      {"max_box_acc", json_of(r.v1)},
                      {"threshold", r.all.v1_threshold},
                      {"max_box_acc_v2", json_of(r.v2)},
                      {"v2_at", r.all.v2_at},
                      {"curve_step", job.tau_step},
                      {"curve", r.all.curve}});
  }
  const Json root{{"model", job.model_path},
                  {"images", s.images},
                  {"failed", s.failed},
                  {"labelled", s.labelled},
                  {"top1_right", s.top1},
                  {"topk_right", s.topk},
                  {"k", job.top},
                  {"with_boxes", s.table.pictures},
                  {"interval_groups", job.samples},
                  {"top1_classification_error", json_of(s.table.top1)},
                  {"topk_classification_error", json_of(s.table.topk)},
                  {"localization", rows},
                  {"max_box_acc", curves}};
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void LocalizeOutputs::write_results(const LocalizeSummary& summary) {
  files::write_file_atomically(folder_.claim("results.json"), results_json(job_, summary));
}

std::string LocalizeOutputs::finish(ReportHead head) {
  lines_.close();
  if (!lines_) throw Error(ErrorKind::kInternal, "cannot write").at(job_.out + "/boxes.csv");
  fs::rename(folder_.file("boxes.csv.part"), folder_.claim("boxes.csv"));
  ReportBuilder page(std::move(head));
  for (const ReportRow& row : report_) page.add(row);
  std::string path = folder_.claim(report_file(1));
  page.write(path);
  return path;
}

}  // namespace cutaway::explain
