#include "explain/study/run/frame.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_seen.h"
#include "explain/runs/load_network.h"
#include "explain/runs/output_names.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

/// 127.5 of 255 as the net takes it; the mean is what its preprocessing takes to 0.
std::vector<float> fill_values(const std::string& fill, const weights::Preprocess& rule) {
  std::vector<float> values(static_cast<std::size_t>(rule.channels()), 0.0F);
  if (fill == "mean") return values;
  if (fill != "grey") throw Error(ErrorKind::kUsage, "--fill").expected("mean or grey").got(fill);
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = (127.5F * rule.scale - rule.mean[c]) / rule.std[c];
  return values;
}

}  // namespace

StudyFrame::StudyFrame(const StudyJob& job,
                       const weights::Package& package,
                       const RunContext& context,
                       const std::vector<std::string>& reads)
    : job_(job),
      package_(package),
      context_(context),
      folder_(job.out),
      fill_(fill_values(job.fill, package.preprocess)) {
  (void)class_count(package.model.graph);
  if (!job.target.empty()) rule_.emplace(job.target, package);
  std::vector<std::string> all = job.inputs;
  all.push_back(job.model_path);
  all.insert(all.end(), reads.begin(), reads.end());
  folder_.open(existing(job.resume, job.overwrite), all);
}

StudySummary StudyFrame::run(Record own, const std::function<StudySummary()>& work) {
  const std::vector<MethodChoice> methods;
  Record identity = run_identity({.inputs = job_.inputs, .source = job_.source, .methods = methods},
                                 package_, context_);
  identity["fill"] = job_.fill;
  identity["target"] = job_.target;
  identity["study"] = std::move(own);
  steps_.emplace(folder_, job_.resume, as_read_back(identity), context_.observer);
  if (steps_->complete_before()) {
    StudySummary summary;
    summary.complete_before = true;
    summary.report = folder_.file("report.html");
    summary.manifest = folder_.last();
    return summary;
  }
  folder_.begin();
  return steps_->run(context_.observer, work);
}

Evaluator::Resources StudyFrame::resources() const {
  return {context_.settings.stream(), context_.settings.engines()};
}

Rgb StudyFrame::fill_color() const {
  Tensor pixel = zeros({1, static_cast<std::int64_t>(fill_.size()), 1, 1});
  std::ranges::copy(fill_, pixel.f32().begin());
  return deprocess(pixel.ref().in(), 0, package_.preprocess).at(0, 0);
}

StudyImage StudyFrame::prepare(const ImageEntry& entry) const {
  const weights::Preprocess& rule = package_.preprocess;
  StudyImage image;
  image.entry = entry;
  image.entry.bytes.reset();
  image.entry.stored.reset();
  image.seen = read_seen(entry, rule);
  image.input = input_of(image.seen, entry.name);
  return image;
}

Tensor StudyFrame::input_of(const Image& seen, const std::string& name) const {
  const Shape want = graph().node(0).shape;
  if (seen.height != want.h || seen.width != want.w) {
    throw Error(ErrorKind::kShape, "picture after preprocessing")
        .at(name)
        .expected(std::to_string(want.w) + "x" + std::to_string(want.h))
        .got(std::to_string(seen.width) + "x" + std::to_string(seen.height));
  }
  Tensor input = zeros({1, want.c, want.h, want.w});
  fill_input(seen, package_.preprocess, input.ref().out(), 0);
  return input;
}

void StudyFrame::fail(const std::string& name, const std::string& error) {
  context_.observer.warn(error);
  failures_.push_back({name, error});
}

namespace {

/// A picture at a time; what is wrong with one is a failure of that picture.
class EachPicture final : public PictureTask {
 public:
  EachPicture(StudyFrame& frame, const std::function<void(const StudyImage&)>& use)
      : frame_(frame), use_(use), names_(StudyFrame::kOwnStems) {}

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    for (const ImageEntry& entry : entries) {
      const std::string stem = names_.stem(first++, entry.name);
      try {
        StudyImage image = frame_.prepare(entry);
        image.stem = stem;
        use_(image);
      } catch (const Error& error) {
        if (!concerns_picture(error.kind())) throw;
        frame_.fail(entry.name, error.what());
      }
    }
    return {};
  }

 private:
  StudyFrame& frame_;
  const std::function<void(const StudyImage&)>& use_;
  OutputNames names_;
};

}  // namespace

void StudyFrame::each(const std::string& what, const std::function<void(const StudyImage&)>& use) {
  SourceOptions options = with_classes(job_.source, package_);
  options.without = job_.out;
  const ImageSourcePtr source = open_images(job_.inputs, options);
  EachPicture task(*this, use);
  (void)run_pictures({.task = what, .journaled = false}, nullptr, *source, task, context_);
}

std::int64_t StudyFrame::best(std::span<const float> scores) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

StudyFrame::Class StudyFrame::target(const ImageEntry& entry, std::span<const float> scores) const {
  const auto classes = static_cast<std::int64_t>(scores.size());
  if (!rule_) {
    const bool labelled = entry.label && *entry.label < classes;
    const std::int64_t index = labelled ? *entry.label : best(scores);
    return {index, short_name(index), labelled ? "true class" : "the net's first class"};
  }
  std::vector<std::int64_t> ranking(scores.size());
  std::iota(ranking.begin(), ranking.end(), std::int64_t{0});
  std::ranges::stable_sort(ranking, [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  const TargetRule::Choice choice = rule_->resolve(ranking, entry);
  if (!choice.target) throw Error(ErrorKind::kInput, choice.missing).at(entry.name);
  return {*choice.target, short_name(*choice.target), "target " + rule_->text()};
}

std::string StudyFrame::short_name(std::int64_t label) const {
  const std::string name = label_name(package_, label);
  return name.substr(0, name.find(','));
}

void StudyFrame::write_json(const std::string& file, const nlohmann::ordered_json& value) {
  using Json = nlohmann::ordered_json;
  files::write_file_atomically(path(file),
                               value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::vector<LayerChoice> StudyFrame::layers(const std::vector<std::string>& names,
                                            std::vector<LayerChoice> otherwise) const {
  if (names.empty()) return otherwise;
  std::vector<LayerChoice> all;
  for (const std::string& name : names) all.push_back({graph().find(name), "chosen by the user"});
  return all;
}

void StudyFrame::write_text(const std::string& file, const std::string& text) {
  files::write_file_atomically(path(file), text);
}

void StudyFrame::finish(const StudyPage& page,
                        Manifest::Method method,
                        std::int64_t images,
                        StudySummary& summary) {
  if (images == 0)
    throw Error(ErrorKind::kInput, "none of the pictures could be used").at(job_.inputs.front());
  Manifest m =
      start_manifest(job_.model_path, weights::weights_hash(package_.model), package_, context_);
  method.parameters.push_back({"fill", job_.fill});
  method.parameters.push_back({"fill_values", std::vector<double>(fill_.begin(), fill_.end())});
  method.target = rule_ ? rule_->text() : "label where there is one, else top1";
  m.methods = {method};
  const auto failed = static_cast<std::int64_t>(failures_.size());
  m.counts = {images + failed, images, failed, images};
  m.failures = failures_;
  summary.images = images;
  summary.failed = failed;
  summary.report = path("report.html");
  files::write_file_atomically(summary.report, page.html(context_.origin.argv, method.parameters));
  summary.manifest = folder_.last();
  m.extra.push_back(folder_.files());
  write_manifest(summary.manifest, m);
  folder_.end();
}

std::string csv_number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

}  // namespace cutaway::explain
