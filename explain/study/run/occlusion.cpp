#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "explain/class_probability.h"
#include "explain/network.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/rules/rules.h"
#include "explain/study/features.h"
#include "explain/study/run/elsewhere.h"
#include "explain/study/run/frame.h"
#include "explain/study/run/occlusion_pictures.h"
#include "explain/study/run/study.h"
#include "explain/units/tile_projector.h"
#include "runtime/error.h"
#include "runtime/files/npy.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(std::int64_t v) { return std::to_string(v); }

class OcclusionRun {
 public:
  OcclusionRun(const OcclusionJob& job, const weights::Package& package, const RunContext& context)
      : job_(job),
        frame_(job, package, context, job.data),
        elsewhere_(job.data, job.source, package, context),
        layer_(chosen_layer()),
        grid_(chosen_grid()),
        study_(package.model, logits_node(frame_.graph()), layer_.node, grid_, frame_.resources()),
        projector_(package.model,
                   {layer_.node},
                   deconvnet_rules(),
                   frame_.graph().node(0).shape,
                   frame_.resources()),
        page_(
            "Occlusion sensitivity",
            job.model_path + ": what the net answers while a " + job.fill + " square of " +
                text_of(grid_.size) + " pixels moves over each image by " + text_of(grid_.stride) +
                " (Zeiler & Fergus 2013, figure 7). " +
                "A value stands at the centre of its square. (b): total activation of the map of " +
                layer_name() +
                " that answers the clear image most; (c): what its strongest unit projects to; "
                "(d): probability of "
                "the class; (e): the net's first class. Low values in (b) and (d): what lay there "
                "mattered.") {}

  StudySummary run() {
    return frame_.run({{"kind", "occlusion"},
                       {"layer", layer_name()},
                       {"grid", {grid_.size, grid_.stride, job_.centered}},
                       {"strongest", static_cast<int>(job_.strongest)},
                       {"drawn", {job_.bilinear, static_cast<int>(job_.colormap)}},
                       {"data", job_.data},
                       {"elsewhere", job_.elsewhere}},
                      [this] { return work(); });
  }

 private:
  StudySummary work() {
    if (!job_.data.empty()) elsewhere_.search(layer_.node, job_.elsewhere + 1, frame_.steps());
    frame_.each("occlude", [&](const StudyImage& image) { study(image); });
    frame_.write_json("study.json", {{"model", job_.model_path},
                                     {"layer", layer_name()},
                                     {"square", grid_.size},
                                     {"stride", grid_.stride},
                                     {"rows", grid_.rows},
                                     {"columns", grid_.columns},
                                     {"fill", job_.fill},
                                     {"images", images_}});
    page_.table(
        {"image", "class", "probability", "least", "at (row, column)", "map", "sum", "least", "at"},
        rows_);
    frame_.finish(page_, method(), static_cast<std::int64_t>(images_.size()), summary_);
    return std::move(summary_);
  }

  [[nodiscard]] const std::string& layer_name() const {
    return frame_.graph().node(layer_.node).name;
  }

  [[nodiscard]] LayerChoice chosen_layer() const {
    const Graph& graph = frame_.graph();
    LayerChoice choice = job_.layer.empty()
                             ? default_layer(graph)
                             : LayerChoice{graph.find(job_.layer), "chosen by the user"};
    if (job_.pooled) {
      choice.node = pooled_maps(graph, choice.node);
      choice.why += ", pooled";
    }
    return choice;
  }

  [[nodiscard]] OccluderGrid chosen_grid() const {
    const Shape& s = frame_.graph().node(0).shape;
    const auto part = [&](double of_224) {
      return std::max<std::int64_t>(1, std::llround(of_224 * static_cast<double>(s.h) / 224.0));
    };
    return occluder_grid(s, job_.size > 0 ? job_.size : part(50),
                         job_.stride > 0 ? job_.stride : part(6), job_.centered);
  }

  [[nodiscard]] Manifest::Method method() const {
    return {"occlusion study",
            layer_name(),
            layer_.why,
            "",
            {{"size", grid_.size},
             {"stride", grid_.stride},
             {"rows", grid_.rows},
             {"columns", grid_.columns},
             {"centered", job_.centered},
             {"map",
              std::string(job_.strongest == StrongestBy::kSum ? "greatest sum" : "greatest value")},
             {"anchor", std::string(job_.pooled ? "pooled" : "relu")},
             {"display", std::string(job_.bilinear ? "bilinear" : "grid")},
             {"regional", study_.occluder().regional()},
             {"work", study_.occluder().work()},
             {"elsewhere", job_.data.empty() ? std::int64_t{0} : job_.elsewhere}}};
  }

  void study(const StudyImage& image) {
    const auto x = image.input.f32();
    const ClearView clear = study_.look(x, job_.strongest);
    const StudyFrame::Class target = frame_.target(image.entry, clear.scores);
    const auto panels = frame_.steps().step<OcclusionPanels>("occlude " + image.stem, [&] {
      return study_.occlude(x, frame_.fill(), clear.map, target.index);
    });
    OcclusionFigure f;
    f.photo = image.seen;
    f.fill = frame_.fill_color();
    f.grid = &grid_;
    f.panels = &panels;
    f.activation = clear.activation;
    f.probability = class_probability(clear.scores, target.index, class_head(frame_.graph()));
    f.target = target.index;
    f.class_name = target.name;
    f.map_name = layer_name() + " map " + text_of(clear.map);
    // The example stands where it costs the class most.
    f.example = static_cast<std::size_t>(std::ranges::min_element(panels.probability) -
                                         panels.probability.begin());
    f.colormap = job_.colormap;
    f.bilinear = job_.bilinear;
    f.own = projection(image.input, image.seen, clear.map, clear.strongest, f.box);
    f.own.caption = "strongest unit of map " + text_of(clear.map);
    f.own.note = "value " + format_number(static_cast<double>(clear.strongest.value)) + " at (" +
                 text_of(clear.strongest.row) + ", " + text_of(clear.strongest.column) + ")";
    for (const ElsewhereImage& other : elsewhere_.best_of(clear.map, image.entry, job_.elsewhere)) {
      Rect ignored;
      const Peak peak{other.where.value, other.where.row, other.where.column};
      f.elsewhere.push_back(projection(other.input, other.seen, clear.map, peak, ignored));
      f.elsewhere.back().caption = other.name;
      f.elsewhere.back().note = "value " + format_number(static_cast<double>(other.where.value));
    }
    const Image picture =
        occlusion_picture(f, [&](std::int64_t label) { return frame_.short_name(label); });
    write_png(frame_.path(image.stem + ".png"), picture);
    write_numbers(image.stem, panels);
    report(image, clear, target, panels, f, picture);
  }

  /// The projection of one unit at its place in the image.
  [[nodiscard]] StudyProjection projection(
      const Tensor& input, const Image& seen, std::int64_t map, const Peak& peak, Rect& box) {
    const TileProjector::Job job{&input, ++projected_, {map, peak.row, peak.column, peak.value}};
    const auto tile = projector_.project(0, {&job, 1}).front();
    const UnitFrame& unit = projector_.frame(0);
    const FrameOrigin origin = frame_origin(unit, peak.row, peak.column);
    Reconstruction how;
    how.bgr = frame_.bgr();
    const Image shown =
        reconstruct(tile, static_cast<int>(input.shape().c), static_cast<int>(unit.height),
                    static_cast<int>(unit.width), how)
            .image;
    StudyProjection p;
    p.photo = seen;
    p.picture = make_image(seen.width, seen.height, {128, 128, 128});
    box = {static_cast<int>(origin.column), static_cast<int>(origin.row), shown.width,
           shown.height};
    paste(p.picture, shown, box.x, box.y);
    return p;
  }

  void write_numbers(const std::string& stem, const OcclusionPanels& p) {
    const std::vector<std::int64_t> extents{grid_.rows, grid_.columns};
    files::write_npy(frame_.path(stem + "__activation.npy"), extents, p.activation);
    files::write_npy(frame_.path(stem + "__probability.npy"), extents, p.probability);
    std::string csv = "top,left,bottom,right,activation,probability,class\n";
    for (std::size_t i = 0; i < grid_.squares.size(); ++i) {
      const Region& r = grid_.squares[i];
      csv += text_of(r.rows.first) + "," + text_of(r.columns.first) + "," + text_of(r.rows.last) +
             "," + text_of(r.columns.last) + "," +
             csv_number(static_cast<double>(p.activation[i])) + "," +
             csv_number(static_cast<double>(p.probability[i])) + "," + text_of(p.best[i]) + "\n";
    }
    frame_.write_text(stem + ".csv", csv);
  }

  [[nodiscard]] std::string place(std::size_t position) const {
    const Region& r = grid_.squares[position];
    return "(" + text_of(r.rows.first) + ", " + text_of(r.columns.first) + ")";
  }

  void report(const StudyImage& image,
              const ClearView& clear,
              const StudyFrame::Class& target,
              const OcclusionPanels& p,
              const OcclusionFigure& f,
              const Image& picture) {
    const auto b =
        static_cast<std::size_t>(std::ranges::min_element(p.activation) - p.activation.begin());
    const std::size_t d = f.example;
    const std::int64_t first = StudyFrame::best(clear.scores);
    images_.push_back(
        {{"name", image.entry.name},
         {"files", image.stem},
         {"class", target.index},
         {"label", target.name},
         {"class_why", target.why},
         {"probability", f.probability},
         {"first_class", first},
         {"map", clear.map},
         {"unit",
          {{"row", clear.strongest.row},
           {"column", clear.strongest.column},
           {"value", clear.strongest.value}}},
         {"activation", clear.activation},
         {"least_activation", p.activation[b]},
         {"least_activation_at", {grid_.squares[b].rows.first, grid_.squares[b].columns.first}},
         {"least_probability", p.probability[d]},
         {"least_probability_at", {grid_.squares[d].rows.first, grid_.squares[d].columns.first}}});
    rows_.push_back({image.entry.name, target.name, format_number(f.probability),
                     format_number(static_cast<double>(p.probability[d])), place(d),
                     text_of(clear.map), format_number(clear.activation),
                     format_number(static_cast<double>(p.activation[b])), place(b)});
    page_.section(image.entry.name, target.name + " (" + target.why +
                                        "); the net's first class: " + frame_.short_name(first));
    page_.picture(picture, "panels (a) to (e) of " + image.entry.name,
                  "Numbers: " + image.stem + ".csv");
    summary_.lines.push_back(
        image.entry.name + ": " + target.name + " " + format_number(f.probability) + ", least " +
        format_number(static_cast<double>(p.probability[d])) + " at " + place(d) + "; map " +
        text_of(clear.map) + " " + format_number(clear.activation) + ", least " +
        format_number(static_cast<double>(p.activation[b])) + " at " + place(b));
  }

  const OcclusionJob& job_;
  StudyFrame frame_;
  Elsewhere elsewhere_;
  LayerChoice layer_;
  OccluderGrid grid_;
  OcclusionStudy study_;
  TileProjector projector_;
  StudyPage page_;
  Json images_ = Json::array();
  std::vector<std::vector<std::string>> rows_;
  StudySummary summary_;
  std::int64_t projected_{0};
};

}  // namespace

StudySummary run_occlusion_study(const OcclusionJob& job,
                                 const weights::Package& package,
                                 const RunContext& context) {
  return OcclusionRun(job, package, context).run();
}

}  // namespace cutaway::explain
