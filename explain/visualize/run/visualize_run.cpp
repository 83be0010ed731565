#include "explain/visualize/run/visualize_run.h"

#include <cmath>
#include <cstdio>

#include "explain/pictures/gif_write.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/report/manifest.h"
#include "explain/runs/named_record.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/visualize/image_ops.h"
#include "explain/visualize/run/subjects.h"
#include "runtime/error.h"
#include "runtime/files/npy.h"
#include "runtime/philox.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

PixelSpace pixels_of(const weights::Preprocess& rule) {
  PixelSpace p;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    p.black.push_back(-rule.mean[c] / rule.std[c]);
    p.white.push_back((255.0f * rule.scale - rule.mean[c]) / rule.std[c]);
  }
  p.bgr = rule.order == weights::ColorOrder::kBgr;
  return p;
}

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
    return {r.at("name"),  r.at("file"), r.at("width"), r.at("height"), r.at("size"),
            r.at("first"), r.at("last"), r.at("notes"), r.at("doubt")};
  } catch (const Record::exception&) {
    throw Error(ErrorKind::kInput, "a line that no run of visualize wrote")
        .at(path)
        .hint("begin anew with --overwrite");
  }
}

class Run final : public PictureTask {
 public:
  Run(const VisualizeJob& job, const weights::Package& package, const RunContext& context)
      : job_(job),
        package_(package),
        context_(context),
        cancel_(context.observer),
        pixels_(pixels_of(package.preprocess)),
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
    line["pictures"] = visualize(subject);
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

  /// Picture n for people: as a photograph, or, stretched, its differences from the mean picture,
  /// at full contrast.
  [[nodiscard]] Image image_of(const Tensor& picture, std::int64_t n) const {
    const weights::Preprocess& rule = package_.preprocess;
    if (!job_.settings.stretch) return deprocess(picture.ref().in(), n, rule);
    const Shape& s = picture.shape();
    const auto plane = static_cast<std::size_t>(s.plane()),
               size = plane * static_cast<std::size_t>(s.c);
    const auto x = picture.f32().subspan(static_cast<std::size_t>(n) * size, size);
    std::vector<float> levels(x.begin(), x.end());  // of grey, but for a factor
    for (std::size_t i = 0; i < size; ++i) levels[i] *= rule.std[i / plane];
    Reconstruction how;
    how.bgr = rule.order == weights::ColorOrder::kBgr;
    return reconstruct(levels, static_cast<int>(s.c), static_cast<int>(s.h), static_cast<int>(s.w),
                       how)
        .image;
  }

  Record visualize(const Subject& subject) {
    frames_.clear();
    const std::int64_t total = job_.settings.steps() * std::max<std::int64_t>(1, job_.zoom_frames);
    Progress progress(context_.observer, subject.name, total);
    std::int64_t shown = 0;
    const Watch watch = [&](std::int64_t step, double value, const Tensor& picture) {
      throw_if_cancelled(context_.observer);
      char note[40];
      std::snprintf(note, sizeof note, "%.4g", value);
      if (shown < total && step > 0) {
        progress.add(1, note);
        ++shown;
      }
      if (job_.frame_every > 0 && job_.zoom_frames == 0 && step % job_.frame_every == 0) {
        frames_.push_back(image_of(picture, 0));
      }
      return true;
    };
    return save(subject, climb(subject, watch));
  }

  /// Weight of the mean over pairs, in an objective summed over the pictures: Lucid sums over
  /// ordered pairs, divides by the pictures, and sets that against the objective's mean over them.
  [[nodiscard]] double diversity_of_pairs() const {
    const auto n = static_cast<double>(job_.variants);
    return job_.diversity * n * (n - 1.0);
  }

  [[nodiscard]] Ascended climb(const Subject& subject, const Watch& watch) {
    const AscentSettings& s = job_.settings;
    if (s.mode == AscentMode::kDream) return climb_dream(subject, watch);
    const Shape shape = shape_of(job_, package_.model, subject.node).first;
    ObjectivePtr objective = subject.objective;
    if (job_.variants > 1) {
      objective = sum_objective(
          {{objective, 1.0f}, {diversity_objective(), static_cast<float>(diversity_of_pairs())}});
    }
    LayerScore score(package_.model, subject.node, shape, context_.settings.stream(),
                     context_.settings.engines());
    score.set_observer(cancel_);
    switch (s.mode) {
      case AscentMode::kSimonyan:
        return ascend_simonyan(score, *objective, pixels_, s.simonyan, watch);
      case AscentMode::kYosinski:
        return ascend_yosinski(score, *objective, pixels_, s.yosinski, watch);
      case AscentMode::kPenalized:
        return ascend_penalized(score, *objective, pixels_, s.penalized, watch);
      default:
        return ascend_lucid(score, *objective, pixels_, shape, s.lucid, watch);
    }
  }

  [[nodiscard]] Ascended climb_dream(const Subject& subject, const Watch& watch) {
    DreamOptions o = job_.settings.dream;
    Tensor start;
    if (!job_.picture.empty()) {
      start = photograph(job_, package_, job_.picture, true);
    } else {  // grey noise
      Shape s = asked_shape(job_, package_.model.graph);
      s.n = 1;
      start = zeros(s);
      for (std::size_t i = 0; i < start.f32().size(); ++i) {
        start.f32()[i] = static_cast<float>(20.0 * pixels_.unit()) * normal(Philox{o.seed, 6}, i);
      }
    }
    const auto once = [&] {
      return dream(package_.model, subject.node, start, *subject.objective, pixels_, o,
                   context_.settings.stream(), context_.settings.engines(), watch, cancel_);
    };
    Ascended result = once();
    for (std::int64_t k = 0; k < job_.zoom_frames; ++k) {
      frames_.push_back(image_of(result.picture, 0));
      if (k + 1 == job_.zoom_frames) break;
      start = zoom_in(result.picture, job_.zoom_share);
      ++o.seed;
      Ascended next = once();
      next.values.insert(next.values.begin(), result.values.begin(), result.values.end());
      result = std::move(next);
    }
    return result;
  }

  /// The pictures of one subject; their part of its line in the journal.
  Record save(const Subject& subject, const Ascended& result) {
    const std::string stem = subject.word + "__" + mode_name(job_.settings.mode);
    const Shape& s = result.picture.shape();
    Record lines = Record::array();
    for (std::int64_t n = 0; n < s.n; ++n) {
      const std::string base = stem + (s.n > 1 ? "__" + std::to_string(n) : "");
      Image image = image_of(result.picture, n);
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
    if (frames_.empty()) return;
    // Frames of smaller octaves are not of the film's size.
    const Image last = frames_.back();
    std::erase_if(frames_,
                  [&](const Image& f) { return f.width != last.width || f.height != last.height; });
    if (job_.gif) write_gif(folder_.claim(stem + ".gif"), frames_, 8);
    if (job_.frame_every == 0 && job_.zoom_frames == 0) return;
    for (std::size_t k = 0; k < frames_.size(); ++k) {
      char name[32];
      std::snprintf(name, sizeof name, "_frames/%05zu.png", k);
      write_png(folder_.claim(stem + name), frames_[k], {1});
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
        parameters.push_back({"diversity_of_pairs", diversity_of_pairs()});
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
  CancelOnly cancel_;
  RunFolder folder_{job_.out};
  PixelSpace pixels_;
  std::vector<Subject> subjects_;
  std::vector<Image> frames_;
  std::vector<Tile> tiles_;
  VisualizeSummary summary_;
};

}  // namespace

VisualizeSummary run_visualize(const VisualizeJob& job,
                               const weights::Package& package,
                               const RunContext& context) {
  return Run(job, package, context).run();
}

}  // namespace cutaway::explain
