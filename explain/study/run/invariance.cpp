#include <algorithm>
#include <cmath>

#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/report/chart.h"
#include "explain/study/invariance.h"
#include "explain/study/run/frame.h"
#include "explain/study/run/study.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

/// One kind of change and how far it goes.
struct Sweep {
  Change change;
  std::string title, x_label;
  std::vector<double> amounts;
};

std::vector<double> even(double from, double to, std::int64_t steps, bool closed) {
  std::vector<double> values;
  const double intervals = static_cast<double>(closed ? steps - 1 : steps);
  for (std::int64_t k = 0; k < steps; ++k)
    values.push_back(from + (to - from) * static_cast<double>(k) / intervals);
  return values;
}

/// One image under every change.
struct Curves {
  std::string name;
  StudyFrame::Class target;
  std::vector<InvarianceCurve> of;  // a sweep
};

class InvarianceRun {
 public:
  InvarianceRun(const InvarianceJob& job,
                const weights::Package& package,
                const RunContext& context)
      : job_(job),
        context_(context),
        frame_(job, package, context),
        layers_(chosen_layers()),
        features_(package.model, nodes(), frame_.resources()) {
    const double height = static_cast<double>(frame_.graph().node(0).shape.h);
    const double shift = job.shift > 0 ? job.shift : std::round(60.0 * height / 224.0);
    sweeps_ = {{Change::kShift, "vertical shift", "pixels, down",
                even(-shift, shift, job.shift_steps, true)},
               {Change::kScale, "scale", "times", even(1, job.scale, job.scale_steps, true)},
               {Change::kRotation, "rotation", "degrees", even(0, 360, job.rotation_steps, false)}};
  }

  StudySummary run() {
    Record changes = Record::array();
    for (const Sweep& s : sweeps_) changes.push_back(s.amounts);
    Record layers = Record::array();
    for (std::size_t l = 0; l < layers_.size(); ++l) layers.push_back(layer_name(l));
    return frame_.run({{"kind", "invariance"}, {"layers", layers}, {"changes", changes}},
                      [this] { return work(); });
  }

 private:
  StudySummary work() {
    frame_.each("invariance", [&](const StudyImage& image) { study(image); });
    write_numbers();
    StudyPage page("Invariance", job_.model_path +
                                     ": each image shifted, magnified and turned (bilinear, " +
                                     job_.fill +
                                     " beyond its border); how far the features of two layers move "
                                     "from those of the image as it is "
                                     "(Euclidean distance), and the probability of its class "
                                     "(Zeiler & Fergus 2013, figure 5).");
    for (std::size_t s = 0; s < sweeps_.size(); ++s) add_charts(page, s);
    std::vector<std::string> names;
    for (const Curves& c : curves_)
      names.push_back(c.name + ": " + c.target.name + " (" + c.target.why + ")");
    page.section("The images", "");
    page.charts({legend_svg(names)}, "");
    for (const auto& [picture, name] : strips_) page.picture(picture, name, name);
    frame_.finish(page, method(), static_cast<std::int64_t>(curves_.size()), summary_);
    return std::move(summary_);
  }

  [[nodiscard]] std::vector<LayerChoice> chosen_layers() const {
    const Graph& graph = frame_.graph();
    return frame_.layers(job_.layers, {first_features(graph), last_features(graph)});
  }

  [[nodiscard]] std::vector<NodeId> nodes() const {
    std::vector<NodeId> all;
    for (const LayerChoice& l : layers_) all.push_back(l.node);
    all.push_back(logits_node(frame_.graph()));
    return all;
  }

  [[nodiscard]] const std::string& layer_name(std::size_t l) const {
    return frame_.graph().node(layers_[l].node).name;
  }

  [[nodiscard]] Manifest::Method method() const {
    std::string names, whys;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      names += (l > 0 ? ", " : "") + layer_name(l);
      whys += (l > 0 ? ", " : "") + layers_[l].why;
    }
    NamedValues fields{
        {"order", std::string("magnified, turned, moved; about the centre; bilinear")}};
    for (const Sweep& s : sweeps_) fields.push_back({to_string(s.change), s.amounts});
    return {"invariance study", names, whys, "", fields};
  }

  void study(const StudyImage& image) {
    const auto clear = features_.of(image.input);
    Curves c{image.entry.name, frame_.target(image.entry, clear.back().f32()), {}};
    for (const Sweep& s : sweeps_) {
      c.of.push_back(frame_.steps().step<InvarianceCurve>(s.title + " of " + image.stem, [&] {
        return study_invariance(features_, image.input, c.target.index, s.change, s.amounts,
                                frame_.fill(), [&] { throw_if_cancelled(context_.observer); });
      }));
    }
    std::vector<Tile> tiles;
    for (std::size_t s = 0; s < sweeps_.size(); ++s) {
      const auto& amounts = sweeps_[s].amounts;
      for (const std::size_t k : {std::size_t{0}, amounts.size() / 4, amounts.size() - 1}) {
        const Tensor moved =
            warp(image.input, motion_of(sweeps_[s].change, amounts[k]), frame_.fill());
        tiles.push_back({deprocess(moved.ref().in(), 0, frame_.package().preprocess),
                         sweeps_[s].title + " " + format_number(amounts[k]),
                         "p " + format_number(c.of[s].probability[k])});
      }
    }
    strips_.emplace_back(grid(tiles, static_cast<int>(tiles.size())), image.entry.name);
    write_png(frame_.path(image.stem + ".png"), strips_.back().first);
    const auto& shift = c.of[0].probability;
    const auto& turn = c.of[2].probability;
    summary_.lines.push_back(image.entry.name + ": " + c.target.name + " " +
                             format_number(turn.front()) + "; least under shifts " +
                             format_number(*std::ranges::min_element(shift)) + ", scales " +
                             format_number(*std::ranges::min_element(c.of[1].probability)) +
                             ", turns " + format_number(*std::ranges::min_element(turn)));
    curves_.push_back(std::move(c));
  }

  void add_charts(StudyPage& page, std::size_t s) {
    std::vector<std::string> svgs;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      Chart chart{layer_name(l) + ": distance", sweeps_[s].x_label, sweeps_[s].amounts, {}, 0, 0};
      for (const Curves& c : curves_) chart.lines.push_back(c.of[s].distances[l]);
      svgs.push_back(chart_svg(chart));
    }
    Chart chart{"probability of the class", sweeps_[s].x_label, sweeps_[s].amounts, {}, 0, 1};
    for (const Curves& c : curves_) chart.lines.push_back(c.of[s].probability);
    svgs.push_back(chart_svg(chart));
    for (std::size_t k = 0; k < svgs.size(); ++k) {
      const std::string what = k < layers_.size() ? "layer" + std::to_string(k + 1) : "probability";
      frame_.write_text(std::string(to_string(sweeps_[s].change)) + "__" + what + ".svg",
                        svgs[k] + "\n");
    }
    page.section(sweeps_[s].title, "");
    page.charts(svgs, "One curve an image; the colours are named below.");
  }

  void write_numbers() {
    std::string csv = "image,class,change,amount";
    for (std::size_t l = 0; l < layers_.size(); ++l) csv += ",distance" + std::to_string(l + 1);
    csv += ",probability\n";
    Json images = Json::array();
    for (std::size_t i = 0; i < curves_.size(); ++i) {
      const Curves& c = curves_[i];
      Json changes = Json::array();
      for (std::size_t s = 0; s < sweeps_.size(); ++s) {
        const std::string name = to_string(sweeps_[s].change);
        changes.push_back({{"change", name},
                           {"amounts", sweeps_[s].amounts},
                           {"distances", c.of[s].distances},
                           {"probability", c.of[s].probability}});
        for (std::size_t k = 0; k < sweeps_[s].amounts.size(); ++k) {
          csv += std::to_string(i) + "," + std::to_string(c.target.index) + "," + name + "," +
                 csv_number(sweeps_[s].amounts[k]);
          for (const auto& d : c.of[s].distances) csv += "," + csv_number(d[k]);
          csv += "," + csv_number(c.of[s].probability[k]) + "\n";
        }
      }
      images.push_back({{"image", i},
                        {"name", c.name},
                        {"class", c.target.index},
                        {"label", c.target.name},
                        {"class_why", c.target.why},
                        {"changes", changes}});
    }
    frame_.write_text("curves.csv", csv);
    Json layers = Json::array();
    for (std::size_t l = 0; l < layers_.size(); ++l) layers.push_back(layer_name(l));
    frame_.write_json(
        "study.json",
        {{"model", job_.model_path}, {"layers", layers}, {"fill", job_.fill}, {"images", images}});
  }

  const InvarianceJob& job_;
  const RunContext& context_;
  StudyFrame frame_;
  std::vector<LayerChoice> layers_;
  Features features_;
  std::vector<Sweep> sweeps_;
  std::vector<Curves> curves_;
  std::vector<std::pair<Image, std::string>> strips_;
  StudySummary summary_;
};

}  // namespace

StudySummary run_invariance_study(const InvarianceJob& job,
                                  const weights::Package& package,
                                  const RunContext& context) {
  return InvarianceRun(job, package, context).run();
}

}  // namespace cutaway::explain
