#include <algorithm>
#include <cstdio>

#include "explain/network.h"
#include "explain/pictures/draw.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/study/correspondence_study.h"
#include "explain/study/run/frame.h"
#include "explain/study/run/part_images.h"
#include "explain/study/run/study.h"
#include "runtime/error.h"
#include "runtime/files/csv.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

std::string plus_minus(const Correspondence& c) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4f +- %.4f", c.mean, c.deviation);
  return text;
}

class CorrespondenceRun {
 public:
  CorrespondenceRun(const CorrespondenceJob& job,
                    const weights::Package& package,
                    const RunContext& context)
      : job_(job),
        context_(context),
        frame_(job, package, context, {job.boxes}),
        layers_(chosen_layers()),
        features_(package.model, nodes(), frame_.resources()) {}

  StudySummary run() {
    Record layers = Record::array();
    for (std::size_t l = 0; l < layers_.size(); ++l) layers.push_back(layer_name(l));
    return frame_.run({{"kind", "correspondence"},
                       {"layers", layers},
                       {"boxes", {job_.boxes, job_.category}},
                       {"cut", job_.cut},
                       {"parts", job_.parts},
                       {"numbers", {job_.count, job_.draws}}},
                      [this] { return work(); });
  }

 private:
  StudySummary work() {
    PartImages found = read_part_images(job_, frame_, context_);
    const auto table = study_correspondence(
        features_, found.images, frame_.fill(), job_.draws, context_.settings.seed,
        [&] { throw_if_cancelled(context_.observer); },
        [&](const std::string& name, const MakeRow& make) {
          return frame_.steps().step<CorrespondenceRow>(name, make);
        });
    StudyPage page(
        "Correspondence",
        job_.model_path +
            ": does hiding the same part of different objects change the features in the same "
            "way? The share of features whose change has another sign, mean and deviation over the "
            "pairs of " +
            std::to_string(found.images.size()) +
            " images (Zeiler & Fergus 2013, table 1): the lower, the more the layer treats the "
            "part alike. "
            "Random: as large as a part, anywhere on the object, " +
            std::to_string(job_.draws) + " draws.");
    add_table(page, found.parts, table);
    add_pictures(page, found, table);
    write_numbers(found, table);
    frame_.finish(page, method(found), static_cast<std::int64_t>(found.images.size()), summary_);
    return std::move(summary_);
  }

  [[nodiscard]] std::vector<LayerChoice> chosen_layers() const {
    const Graph& graph = frame_.graph();
    return frame_.layers(job_.layers, {default_layer(graph), last_features(graph)});
  }

  [[nodiscard]] std::vector<NodeId> nodes() const {
    std::vector<NodeId> all;
    for (const LayerChoice& l : layers_) all.push_back(l.node);
    return all;
  }

  [[nodiscard]] const std::string& layer_name(std::size_t l) const {
    return frame_.graph().node(layers_[l].node).name;
  }

  [[nodiscard]] Manifest::Method method(const PartImages& found) const {
    std::string names, whys;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      names += (l > 0 ? ", " : "") + layer_name(l);
      whys += (l > 0 ? ", " : "") + layers_[l].why;
    }
    std::vector<std::string> images;
    for (const PartImage& i : found.pictures) images.push_back(i.name);
    return {"correspondence study",
            names,
            whys,
            "",
            {{"parts", found.parts},
             {"images", images},
             {"draws", job_.draws},
             {"category", job_.category},
             {"cut", job_.cut},
             {"dead_zone", std::string("1e-6 of the image's largest feature")}}};
  }

  [[nodiscard]] std::vector<std::string> row(const std::string& name,
                                             const std::vector<Correspondence>& layers) {
    std::vector<std::string> cells{name};
    std::string text = name;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      cells.push_back(plus_minus(layers[l]));
      char sum[32];
      std::snprintf(sum, sizeof sum, "%.0f", layers[l].sum);
      cells.emplace_back(sum);
      text += ", " + layer_name(l) + " " + plus_minus(layers[l]);
    }
    summary_.lines.push_back(text);
    return cells;
  }

  void add_table(StudyPage& page,
                 const std::vector<std::string>& parts,
                 const CorrespondenceTable& table) {
    std::vector<std::string> head{"hidden"};
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      head.push_back(layer_name(l));
      head.emplace_back("sum over ordered pairs");
    }
    std::vector<std::vector<std::string>> rows;
    for (std::size_t p = 0; p < parts.size(); ++p) rows.push_back(row(parts[p], table.parts[p]));
    if (!table.places.empty()) rows.push_back(row("random", table.random));
    page.table(head, rows);
  }

  /// Rows: images; columns: what is hidden.
  void add_pictures(StudyPage& page, const PartImages& found, const CorrespondenceTable& table) {
    std::vector<Tile> tiles;
    std::vector<std::string> columns = found.parts;
    if (!table.places.empty()) columns.emplace_back("random (first draw)");
    for (std::size_t n = 0; n < found.images.size(); ++n) {
      for (std::size_t p = 0; p < columns.size(); ++p) {
        const bool drawn = p >= found.parts.size();
        const Region& r = drawn ? table.places[0][n] : found.images[n].parts[p];
        Image image = found.pictures[n].seen;
        fill(image, rectangle(r), frame_.fill_color());
        draw_rect(image, rectangle(found.images[n].object), 1, {47, 91, 215});
        tiles.push_back({std::move(image), "", p == 0 ? found.pictures[n].name : ""});
      }
    }
    const Image all = grid(tiles, static_cast<int>(columns.size()), columns);
    write_png(frame_.path("hidden.png"), all);
    page.section("What was hidden", "The frame is the object, where random rectangles lie.");
    page.picture(all, "every image with every part hidden", "");
  }

  static Rect rectangle(const Region& r) {
    return {static_cast<int>(r.columns.first), static_cast<int>(r.rows.first),
            static_cast<int>(r.columns.size()), static_cast<int>(r.rows.size())};
  }

  static Json box_of(const Region& r) {
    return {r.columns.first, r.rows.first, r.columns.last, r.rows.last};
  }

  void write_numbers(const PartImages& found, const CorrespondenceTable& table) {
    std::string csv = "hidden,layer,mean,deviation,sum\n";
    Json rows = Json::array();
    const auto add = [&](const std::string& name, const std::vector<Correspondence>& layers) {
      for (std::size_t l = 0; l < layers.size(); ++l) {
        const Correspondence& c = layers[l];
        csv += files::csv_cell(name) + "," + files::csv_cell(layer_name(l)) + "," +
               csv_number(c.mean) + "," + csv_number(c.deviation) + "," + csv_number(c.sum) + "\n";
        rows.push_back({{"hidden", name},
                        {"layer", layer_name(l)},
                        {"mean", c.mean},
                        {"deviation", c.deviation},
                        {"sum", c.sum}});
      }
    };
    for (std::size_t p = 0; p < found.parts.size(); ++p) add(found.parts[p], table.parts[p]);
    if (!table.places.empty()) add("random", table.random);
    Json images = Json::array();
    for (std::size_t n = 0; n < found.images.size(); ++n) {
      Json parts = Json::object();
      for (std::size_t p = 0; p < found.parts.size(); ++p)
        parts[found.parts[p]] = box_of(found.images[n].parts[p]);
      Json draws = Json::array();
      for (const auto& places : table.places) draws.push_back(box_of(places[n]));
      images.push_back({{"name", found.pictures[n].name},
                        {"object", box_of(found.images[n].object)},
                        {"parts", parts},
                        {"random", draws}});
    }
    frame_.write_text("correspondence.csv", csv);
    frame_.write_json("study.json", {{"model", job_.model_path},
                                     {"fill", job_.fill},
                                     {"draws", job_.draws},
                                     {"boxes", "x1, y1, x2, y2 in pixels of the net's input"},
                                     {"table", rows},
                                     {"images", images}});
  }

  const CorrespondenceJob& job_;
  const RunContext& context_;
  StudyFrame frame_;
  std::vector<LayerChoice> layers_;
  Features features_;
  StudySummary summary_;
};

}  // namespace

StudySummary run_correspondence_study(const CorrespondenceJob& job,
                                      const weights::Package& package,
                                      const RunContext& context) {
  return CorrespondenceRun(job, package, context).run();
}

}  // namespace cutaway::explain
