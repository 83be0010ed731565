#include "explain/visualize/run/visualize_run.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "explain/network.h"
#include "explain/pictures/gif_write.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/report/manifest.h"
#include "explain/runs/load_network.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/targets.h"
#include "explain/visualize/image_ops.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/folder.h"
#include "runtime/files/npy.h"
#include "runtime/philox.h"
#include "runtime/progress.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kLargestSide = 4096;
constexpr std::int64_t kLucidSide = 128;  // pixels; Olah et al. 2017

PixelSpace pixels_of(const weights::Preprocess& rule) {
  PixelSpace p;
  for (std::size_t c = 0; c < static_cast<std::size_t>(rule.channels()); ++c) {
    p.black.push_back(-rule.mean[c] / rule.std[c]);
    p.white.push_back((255.0f * rule.scale - rule.mean[c]) / rule.std[c]);
  }
  p.bgr = rule.order == weights::ColorOrder::kBgr;
  return p;
}

std::vector<float> read_direction(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::kInput, "cannot read the direction").at(path);
  std::vector<float> values;
  std::string word;
  while (values.size() <= (1U << 20U) && file >> word) {
    if (!word.empty() && word.back() == ',') word.pop_back();
    char* end = nullptr;
    const float v = std::strtof(word.c_str(), &end);
    if (word.empty() || *end != '\0' || !std::isfinite(v)) {
      throw Error(ErrorKind::kInput, "direction")
          .at(path)
          .expected("numbers, one a channel")
          .got("'" + word + "'");
    }
    values.push_back(v);
  }
  return values;
}

/// One thing to visualise.
struct Subject {
  std::string name, caption;  // for people
  NodeId node;
  ObjectivePtr objective;
};

class Run {
 public:
  Run(const VisualizeJob& job, const weights::Package& package, const RunContext& context)
      : job_(job), package_(package), context_(context), pixels_(pixels_of(package.preprocess)) {}

  VisualizeSummary run() {
    const auto start = std::chrono::steady_clock::now();
    for (const Subject& subject : subjects()) {
      throw_if_cancelled(context_.observer);
      visualize(subject);
    }
    summary_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (tiles_.size() > 1) {
      const int columns =
          static_cast<int>(std::ceil(std::sqrt(static_cast<double>(tiles_.size()))));
      summary_.grid = job_.out + "/grid.png";
      write_png(summary_.grid, grid(tiles_, columns));
    }
    write_manifest();
    return std::move(summary_);
  }

 private:
  [[nodiscard]] const Graph& graph() const { return package_.model.graph; }

  [[nodiscard]] NodeId layer() const {
    if (job_.layer.empty())
      throw Error(ErrorKind::kUsage, "which layer?").hint("name it with --layer");
    const NodeId id = graph().find(job_.layer);
    if (id == 0)
      throw Error(ErrorKind::kUsage, "the input is no layer to visualise").at(job_.layer);
    return id;
  }

  /// The photograph as the net takes it, at the size wanted.
  [[nodiscard]] Tensor photograph(const std::string& path, bool own_size) const {
    weights::Preprocess rule = package_.preprocess;
    Image image = read_image(path);
    if (own_size) {  // dreams keep the picture's shape; the longer side may be limited
      rule.crop = weights::CropRule::kNone;
      rule.resize = weights::ResizeRule::kNone;
      const int longest = std::max(image.width, image.height);
      const std::int64_t limit = job_.size > 0 ? job_.size : kLargestSide;
      if (longest > limit) {
        const double f = static_cast<double>(limit) / longest;
        rule.resize = weights::ResizeRule::kWarp;
        rule.interpolation = weights::Interpolation::kBilinearPil;
        rule.width = std::max(1, static_cast<int>(std::lround(f * image.width)));
        rule.height = std::max(1, static_cast<int>(std::lround(f * image.height)));
      }
    }
    return preprocess(image, rule);
  }

  [[nodiscard]] std::vector<Subject> subjects() const {
    std::vector<Subject> all;
    for (const std::string& text : job_.classes) {
      const auto target = text.starts_with("top") || text == "label"
                              ? std::optional<std::int64_t>()
                              : TargetRule(text, package_).resolve({}, ImageEntry{}, 0).target;
      if (!target) throw Error(ErrorKind::kUsage, "class").expected("a number or a name").got(text);
      all.push_back({label_name(package_, *target), label_name(package_, *target),
                     logits_node(graph()), neuron_objective(*target)});
    }
    for (const std::int64_t channel : job_.channels) {
      const std::string unit = (job_.neuron ? "neuron " : "channel ") + std::to_string(channel);
      all.push_back({job_.layer + " " + unit, unit, layer(),
                     job_.neuron ? neuron_objective(channel, job_.row, job_.column)
                                 : channel_objective(channel)});
    }
    if (!job_.direction.empty()) {
      all.push_back({job_.layer + " direction", "direction", layer(),
                     direction_objective(read_direction(job_.direction), job_.cosine_power)});
    }
    if (!job_.invert.empty()) {
      const Tensor photo = photograph(job_.invert, false);
      const Shape want = picture_shape();
      if (photo.shape().h != want.h || photo.shape().w != want.w) {
        throw Error(ErrorKind::kShape, "picture after preprocessing")
            .at(job_.invert)
            .expected(std::to_string(want.w) + "x" + std::to_string(want.h))
            .got(std::to_string(photo.shape().w) + "x" + std::to_string(photo.shape().h))
            .hint("resize the picture, or give --size");
      }
      LayerScore score(package_.model, layer(), photo.shape(), context_.settings.stream(),
                       context_.settings.engines());
      all.push_back({job_.layer + " inverted", "inverted", layer(),
                     match_objective(score.activations(photo))});
    }
    if (job_.dream) all.push_back({job_.layer + " dream", "dream", layer(), dream_objective()});
    if (all.empty()) {
      throw Error(ErrorKind::kUsage, "nothing to visualise")
          .hint("give --class, or --layer with --channel, --direction, --invert or --dream");
    }
    return all;
  }

  [[nodiscard]] ObjectivePtr dream_objective() const {
    if (job_.guide.empty()) return explain::dream_objective();
    const Tensor guide = photograph(job_.guide, true);
    LayerScore score(package_.model, layer(), guide.shape(), context_.settings.stream(),
                     context_.settings.engines());
    return guided_dream_objective(score.activations(guide));
  }

  [[nodiscard]] Shape picture_shape() const {
    Shape s = graph().node(0).shape;
    s.n = job_.variants;
    if (job_.size > 0) s.h = s.w = job_.size;
    return s;
  }

  /// Lucid's own side, unless one is given, the net takes smaller pictures, or a layer takes its
  /// own size only.
  [[nodiscard]] std::pair<Shape, const char*> picture_of(NodeId node) const {
    Shape s = picture_shape();
    if (job_.size > 0) return {s, "given"};
    if (job_.settings.mode != AscentMode::kLucid || std::min(s.h, s.w) <= kLucidSide)
      return {s, "the net's own"};
    Shape small = s;
    small.h = small.w = kLucidSide;
    try {
      (void)subnet(package_.model, node, small);
    } catch (const Error&) {
      return {s, "the net's own: a layer takes no other"};
    }
    return {small, "Lucid's default"};
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

  void visualize(const Subject& subject) {
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
    const Ascended result = climb(subject, watch);
    save(subject, result);
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
    const Shape shape = picture_of(subject.node).first;
    ObjectivePtr objective = subject.objective;
    if (job_.variants > 1) {
      objective = sum_objective(
          {{objective, 1.0f}, {diversity_objective(), static_cast<float>(diversity_of_pairs())}});
    }
    LayerScore score(package_.model, subject.node, shape, context_.settings.stream(),
                     context_.settings.engines());
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
      start = photograph(job_.picture, true);
    } else {  // grey noise
      Shape s = picture_shape();
      s.n = 1;
      start = zeros(s);
      for (std::size_t i = 0; i < start.f32().size(); ++i) {
        start.f32()[i] = static_cast<float>(20.0 * pixels_.unit()) * normal(Philox{o.seed, 6}, i);
      }
    }
    const auto once = [&] {
      return dream(package_.model, subject.node, start, *subject.objective, pixels_, o,
                   context_.settings.stream(), context_.settings.engines(), watch);
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

  void save(const Subject& subject, const Ascended& result) {
    const std::string stem = file_word(subject.name) + "__" + mode_name(job_.settings.mode);
    const Shape& s = result.picture.shape();
    for (std::int64_t n = 0; n < s.n; ++n) {
      const std::string base = stem + (s.n > 1 ? "__" + std::to_string(n) : "");
      const Image image = image_of(result.picture, n);
      write_png(job_.out + "/" + base + ".png", image);
      if (job_.raw) {
        const std::vector<std::int64_t> extents{s.c, s.h, s.w};
        const auto size = static_cast<std::size_t>(s.c * s.plane());
        files::write_npy(job_.out + "/" + base + ".npy", extents,
                         result.picture.f32().subspan(static_cast<std::size_t>(n) * size, size));
      }
      char note[64];
      std::snprintf(note, sizeof note, "%.4g -> %.4g", result.values.front(), result.values.back());
      const Doubt doubt = static_cast<std::size_t>(n) < result.doubts.size()
                              ? result.doubts[static_cast<std::size_t>(n)]
                              : Doubt();
      if (doubt) context_.observer.warn(subject.name + ": " + doubt.text);
      tiles_.push_back({image, subject.caption, doubt ? doubt.text : note});
      summary_.pictures.push_back(
          {subject.name, base + ".png", s.w, s.h,
           job_.settings.mode == AscentMode::kDream ? "the start's"
                                                    : picture_of(subject.node).second,
           result.values.front(), result.values.back(), result.notes, doubt});
    }
    if (frames_.empty()) return;
    // Frames of smaller octaves are not of the film's size.
    const Image last = frames_.back();
    std::erase_if(frames_,
                  [&](const Image& f) { return f.width != last.width || f.height != last.height; });
    if (job_.gif) write_gif(job_.out + "/" + stem + ".gif", frames_, 8);
    if (job_.frame_every > 0 || job_.zoom_frames > 0) write_frames(stem);
  }

  void write_frames(const std::string& stem) const {
    const std::string folder = job_.out + "/" + stem + "_frames";
    files::make_folder(folder);
    for (std::size_t k = 0; k < frames_.size(); ++k) {
      char name[32];
      std::snprintf(name, sizeof name, "/%05zu.png", k);
      write_png(folder + name, frames_[k], {1});
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
      if (p.doubt) {
        parameters.push_back({"doubt", p.doubt.text});
        m.failures.push_back({p.file, p.doubt.text});
      }
      m.methods.push_back({std::string("visualize ") + mode_name(job_.settings.mode), job_.layer,
                           job_.layer.empty() ? "class scores" : "given", p.name, parameters});
    }
    const auto count = static_cast<std::int64_t>(summary_.pictures.size());
    const auto failed = static_cast<std::int64_t>(m.failures.size());
    m.counts = {count, count - failed, failed, count};
    m.timings = {{"ascent", summary_.seconds, count}};
    summary_.manifest = job_.out + "/manifest.json";
    explain::write_manifest(summary_.manifest, m);
  }

  const VisualizeJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  PixelSpace pixels_;
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
