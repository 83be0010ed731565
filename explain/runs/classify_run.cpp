#include "explain/runs/classify_run.h"

#include <algorithm>

#include "explain/class_probability.h"
#include "explain/doubt.h"
#include "explain/network.h"
#include "explain/pictures/list.h"
#include "explain/promise.h"
#include "explain/runs/batch.h"
#include "explain/runs/load_network.h"
#include "explain/runs/picture_loop.h"
#include "explain/scores.h"
#include "layers/executor.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/output_check.h"
#include "weights/hdf5_file.h"

namespace cutaway::explain {
namespace {

class Classify final : public PictureTask {
 public:
  Classify(const ClassifyJob& job,
           const weights::Package& package,
           const RunContext& context,
           const std::function<void(const ClassifiedPicture&)>& each)
      : job_(job),
        package_(package),
        context_(context),
        each_(each),
        source_(open_images(job.inputs, with_classes(job.source, package))),
        request_(request_of(*source_)),
        classes_(static_cast<std::size_t>(class_count(package.model.graph))),
        executor_(package.model, request_, context.settings.stream()) {
    context.observer.debug(executor_.plan().report(package.model.graph));
  }

  ClassifySummary run() {
    const LoopPlan plan{.task = "classify", .batch = request_.input.n, .journaled = false};
    (void)run_pictures(plan, nullptr, *source_, *this, context_);
    if (!job_.outputs.empty() && summary_.images > 0) save_scores();
    return std::move(summary_);
  }

  std::vector<Record> work(std::int64_t /*first*/, std::vector<ImageEntry>& entries) override {
    const Batch batch = load_batch(entries, 0, entries.size(), package_.preprocess, request_.input,
                                   context_.settings.cpu_threads());
    for (const auto& failure : batch.failures) fail(entries[failure.entry].name, failure.error);
    if (batch.entries.empty()) return {};
    executor_.set_input(batch.input);
    executor_.forward();
    const Tensor scores = executor_.read(executor_.output());
    for (std::size_t i = 0; i < batch.entries.size(); ++i)
      add(entries[batch.entries[i]], scores, i);
    return {};
  }

 private:
  [[nodiscard]] PlanRequest request_of(const ImageSource& source) const {
    const Graph& graph = package_.model.graph;
    PlanRequest request;
    request.input = graph.node(0).shape;
    request.input.n = batch_within(
        graph, std::clamp<std::int64_t>(source.count().value_or(job_.batch), 1, job_.batch),
        context_.settings.share_of_memory());
    request.output = logits_node(graph);
    request.engines = context_.settings.engines();
    return request;
  }

  void fail(const std::string& name, const std::string& why) {
    context_.observer.warn(why);
    summary_.failed.add(name, why);
  }

  void add(const ImageEntry& entry, const Tensor& scores, std::size_t row) {
    const auto own = scores.f32().subspan(row * classes_, classes_);
    if (const Doubt doubt = doubt_of_values("class scores", own)) {
      fail(entry.name, entry.name + ": " + doubt.text);
      return;
    }
    const std::vector<double> p = class_probabilities(own, class_head(package_.model.graph));
    count_hit(entry, p);
    ++summary_.images;
    ClassifiedPicture picture{entry.name, entry.label, {}};
    for (const std::int64_t c : top(p, job_.top))
      picture.top.push_back({c, label_name(package_, c), p[static_cast<std::size_t>(c)]});
    each_(picture);
    if (job_.outputs.empty()) return;
    values_.insert(values_.end(), own.begin(), own.end());
    names_ += entry.name + "\n";
  }

  void count_hit(const ImageEntry& entry, const std::vector<double>& p) {
    if (!entry.label) return;
    ++summary_.labelled;
    const std::vector<std::int64_t> best = top(p, 5);
    const auto at = std::find(best.begin(), best.end(), *entry.label);
    summary_.top5 += at != best.end() ? 1 : 0;
    summary_.top1 += at == best.begin() ? 1 : 0;
  }

  void save_scores() const {
    files::AtomicFile target(job_.outputs);
    weights::Hdf5File file = weights::Hdf5File::create(target.temporary());
    const std::vector<std::int64_t> extents{summary_.images, static_cast<std::int64_t>(classes_)};
    file.write_f32("/outputs", extents, values_);
    file.write_attribute("/outputs", "node", package_.model.graph.node(request_.output).name);
    file.write_text("/files", names_);
    file.close();
    target.commit();
  }

  const ClassifyJob& job_;
  const weights::Package& package_;
  const RunContext& context_;
  const std::function<void(const ClassifiedPicture&)>& each_;
  ImageSourcePtr source_;
  PlanRequest request_;
  std::size_t classes_;
  Executor executor_;
  std::vector<float> values_;  // raw scores of all pictures, for the outputs' file
  std::string names_;
  ClassifySummary summary_;
};

}  // namespace

ClassifySummary run_classify(const ClassifyJob& job,
                             const weights::Package& package,
                             const RunContext& context,
                             const std::function<void(const ClassifiedPicture&)>& each) {
  std::vector<std::string> reads = job.inputs;
  reads.push_back(job.model_path);
  files::check_outputs(
      {.reads = reads, .writes = {job.outputs}, .folders = {}, .overwrite = job.overwrite});
  return Classify(job, package, context, each).run();
}

void warn_of_missing_labels(const std::vector<std::string>& lists, Observer& observer) {
  for (const std::string& path : lists) {
    std::int64_t count = 0;
    const auto list = open_image_list(path, count);
    if (list->has_labels()) continue;
    observer.warn(path + ": no column 'label', so no accuracy; the columns are " + list->columns());
  }
}

}  // namespace cutaway::explain
