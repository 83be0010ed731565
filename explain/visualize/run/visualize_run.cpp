#include "explain/visualize/run/visualize_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/pictures/gif_write.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/report/manifest.h"
#include "explain/runs/named_record.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/visualize/run/climber.h"
#include "explain/visualize/run/subjects.h"
#include "runtime/error.h"
#include "runtime/files/npy.h"
#include "runtime/stopwatch.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

/// Subjects as the loop over pictures takes them: a picture is to be made of each.
class SubjectSource final : public ImageSource {
 public:
  explicit SubjectSource(const std::vector<Subject>& subjects) : subjects_(subjects) {}
  bool next(ImageEntry& entry, bool /*content*/) override {
    if (at_ == subjects_.size()) return false;
    entry = {};
    entry.name = subjects_[at_++].word;
    return true;
  }
  [[nodiscard]] std::optional<std::int64_t> count() const override {
    return static_cast<std::int64_t>(subjects_.size());
  }

 private:
  const std::vector<Subject>& subjects_;
  std::size_t at_{0};
};

Record record_of(const VisualizeSummary::Picture& p) {
  return {{"name", p.name},     {"file", p.file},      {"width", p.width},
          {"height", p.height}, {"size", p.size_from}, {"first", p.first},
          {"last", p.last},     {"notes", p.notes},    {"doubt", p.doubt}};
}

VisualizeSummary::Picture picture_of(const Record& r, const std::string& path) {
  try {
    VisualizeSummary::Picture p;
    p.name = r.at("name").get<std::string>();
    p.file = r.at("file").get<std::string>();
    p.width = r.at("width").get<std::int64_t>();
    p.height = r.at("height").get<std::int64_t>();
    p.size_from = r.at("size").get<std::string>();
    p.first = r.at("first").get<double>();
    p.last = r.at("last").get<double>();
    p.notes = r.at("notes").get<std::vector<std::string>>();
    p.doubt = r.at("doubt").get<std::string>();
    if (stays_inside(p.file)) return p;
  } catch (const Record::exception&) {
    // said below
  }
  throw Error(ErrorKind::kInput, "a line that no run of visualize wrote")
      .at(path)
      .hint("begin anew with --overwrite");
}

class Run final : public PictureTask {
 public:
  Run(const VisualizeJob& job, const weights::Package& package, const RunContext& context)
      : job_(job),
        package_(package),
        context_(context),
        climber_(job, package, context),
        subjects_(subjects_of(job, package, context)) {}

  VisualizeSummary run() {
    const auto start = Clock::now();
    folder_.open(existing(job_.resume, job_.overwrite),
                 {job_.model_path, job_.picture, job_.guide, job_.invert, job_.direction});
    SubjectSource source(subjects_);
    const LoopPlan plan{
        .task = "visualize", .batch = 1, .resume = job_.resume, .identity = identity()};
    summary_.resumed = run_pictures(plan, &folder_, source, *this, context_).resumed;
    folder_.begin();
    summary_.seconds = seconds_since(start);
    if (tiles_.size() > 1) {
      const int columns =
          static_cast<int>(std::ceil(std::sqrt(static_cast<double>(tiles_.size()))));
      summary_.grid = folder_.claim("grid.png");
      write_png(summary_.grid, grid(tiles_, columns));
    }
    write_manifest();
    return std::move(summary_);
  }

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& /*entries*/) override {
    const Subject& subject = subjects_[static_cast<std::size_t>(first)];
    Record line{{"image", first}, {"name", subject.word}};
    line["pictures"] = save(subject, climber_.climb(subject));
    return {line};
  }

  [[nodiscard]] bool holds(std::int64_t /*n*/, const Record& line) const override {
    for (const Record& r : line.value("pictures", Record::array())) {
      try {
        (void)read_image(folder_.file(picture_of(r, folder_.journal()).file));
      } catch (const Error&) {
        return false;
      }
    }
    return true;
  }

  void restore(std::int64_t n, const Record& line, ImageEntry& /*entry*/) override {
    for (const Record& r : line.value("pictures", Record::array())) {
      VisualizeSummary::Picture p = picture_of(r, folder_.journal());
      Image image = read_image(folder_.file(p.file));
      add(subjects_.at(static_cast<std::size_t>(n)), std::move(p), std::move(image));
    }
  }

 private:
  [[nodiscard]] Record identity() const {
    const std::vector<std::string> inputs{job_.picture, job_.guide, job_.invert, job_.direction};
    const std::vector<MethodChoice> methods;
    Record identity =
        run_identity({.inputs = inputs, .source = {}, .methods = methods, .layers = {job_.layer}},
                     package_, context_);
    identity["verb"] = "visualize";
    for (const std::string& path : inputs)
      identity["contents"].push_back(path.empty() ? "" : weights::sha256_of_file(path));
    identity["subjects"] = Record::array();
    for (const Subject& subject : subjects_) identity["subjects"].push_back(subject.name);
    identity["settings"] = explain::record_of(fields_of(job_.settings));
    identity["pictures"] = {{"neuron", {job_.neuron, job_.row, job_.column}},
                            {"cosine_power", job_.cosine_power},
                            {"size", job_.size},
                            {"variants", job_.variants},
                            {"diversity", job_.diversity},
                            {"zoom", {job_.zoom_frames, job_.zoom_share}},
                            {"frame_every", job_.frame_every},
                            {"gif", job_.gif},
                            {"raw", job_.raw}};
    return as_read_back(identity);
  }

  /// The pictures of one subject; their part of its line in the journal.
  Record save(const Subject& subject, const Ascended& result) {
    const std::string stem = subject.word + "__" + mode_name(job_.settings.mode);
    const Shape& s = result.picture.shape();
    Record lines = Record::array();
    for (std::int64_t n = 0; n < s.n; ++n) {
      const std::string base = stem + (s.n > 1 ? "__" + std::to_string(n) : "");
      Image image = climber_.image_of(result.picture, n);
      write_png(folder_.claim(base + ".png"), image);
      if (job_.raw) {
        const std::vector<std::int64_t> extents{s.c, s.h, s.w};
        const auto size = static_cast<std::size_t>(s.c * s.plane());
        files::write_npy(folder_.claim(base + ".npy"), extents,
                         result.picture.f32().subspan(static_cast<std::size_t>(n) * size, size));
      }
      const auto at = static_cast<std::size_t>(n);
      const bool doubted = at < result.doubts.size() && result.doubts[at].meaningless();
      VisualizeSummary::Picture picture{subject.name,
                                        base + ".png",
                                        s.w,
                                        s.h,
                                        size_from(subject),
                                        result.values.front(),
                                        result.values.back(),
                                        result.notes,
                                        doubted ? result.doubts[at].text : ""};
      if (doubted) context_.observer.warn(subject.name + ": " + picture.doubt);
      lines.push_back(record_of(picture));
      add(subject, std::move(picture), std::move(image));
    }
    save_frames(stem);
    return lines;
  }

  [[nodiscard]] std::string size_from(const Subject& subject) const {
    if (job_.settings.mode == AscentMode::kDream) return "the start's";
    return shape_of(job_, package_.model, subject.node).second;
  }

  void add(const Subject& subject, VisualizeSummary::Picture picture, Image image) {
    char note[64];
    std::snprintf(note, sizeof note, "%.4g -> %.4g", picture.first, picture.last);
    tiles_.push_back({std::move(image), subject.caption, note});
    summary_.pictures.push_back(std::move(picture));
  }

  void save_frames(const std::string& stem) {
    const std::vector<Image> frames = climber_.frames();
    if (frames.empty()) return;
    if (job_.gif) write_gif(folder_.claim(stem + ".gif"), frames, 8);
    if (job_.frame_every == 0 && job_.zoom_frames == 0) return;
    for (std::size_t k = 0; k < frames.size(); ++k) {
      char name[48];
      std::snprintf(name, sizeof name, "_frames/%05zu.png", k);
      write_png(folder_.claim(stem + name), frames[k], {1});
    }
  }

  void write_manifest() {
    Manifest m =
        start_manifest(job_.model_path, weights::weights_hash(package_.model), package_, context_);
    for (const auto& p : summary_.pictures) {
      NamedValues parameters = fields_of(job_.settings);
      parameters.push_back({"width", p.width});
      parameters.push_back({"height", p.height});
      parameters.push_back({"size", p.size_from});
      parameters.push_back({"objective_first", p.first});
      parameters.push_back({"objective_last", p.last});
      parameters.push_back({"file", p.file});
      if (job_.variants > 1) {
        parameters.push_back({"diversity", job_.diversity});
        parameters.push_back({"diversity_of_pairs", diversity_of_pairs(job_)});
      }
      if (job_.zoom_frames > 0) parameters.push_back({"zoom_share", job_.zoom_share});
      if (!p.notes.empty()) parameters.push_back({"notes", p.notes});
      if (!p.doubt.empty()) parameters.push_back({"doubt", p.doubt});
      m.methods.push_back({std::string("visualize ") + mode_name(job_.settings.mode), job_.layer,
                           job_.layer.empty() ? "class scores" : "given", p.name, parameters});
    }
    const auto count = static_cast<std::int64_t>(summary_.pictures.size());
    m.counts = {count, count, 0, count};
    m.timings = {{"ascent", summary_.seconds, count}};
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    explain::write_manifest(summary_.manifest, m);
    folder_.end();
  }

  const VisualizeJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  RunFolder folder_{job_.out};
  Climber climber_;
  std::vector<Subject> subjects_;
  std::vector<Tile> tiles_;
  VisualizeSummary summary_;
};

}  // namespace

bool VisualizeSummary::clean() const {
  return std::ranges::all_of(pictures, [](const Picture& p) { return p.doubt.empty(); });
}

VisualizeSummary run_visualize(const VisualizeJob& job,
                               const weights::Package& package,
                               const RunContext& context) {
  return Run(job, package, context).run();
}

}  // namespace cutaway::explain
