#include "explain/training/run/train_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "explain/evaluate/run/outputs.h"
#include "explain/pictures/preprocess.h"
#include "explain/runs/journal.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/training/data/augment.h"
#include "explain/training/data/loader.h"
#include "explain/training/run/train_log.h"
#include "explain/training/run/train_report.h"
#include "explain/training/run/watch.h"
#include "explain/visualize/filters.h"
#include "layers/training/sampler.h"
#include "layers/training/trainer.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"
#include "weights/checkpoint.h"
#include "weights/graph_json.h"
#include "weights/preprocess_json.h"
#include "weights/recipe_json.h"
#include "weights/xxh64.h"

namespace cutaway::training {
namespace {

using explain::Record;
using explain::RunContext;
using explain::RunFolder;

/// What must be the same for a run to go on.
Record identity_of(const TrainJob& job) {
  weights::Xxh64 net;
  const std::string text =
      weights::to_json(job.start.model.graph) + weights::to_json(job.start.preprocess);
  net.update(std::as_bytes(std::span(text)));
  Record identity{{"net", weights::hex(net.digest())},
                  {"first weights", weights::weights_hash(job.start.model)},
                  {"data", job.survey.digest},
                  {"classes", job.set.classes},
                  {"held back", job.division.held_back ? to_string(*job.division.held_back) : ""},
                  {"pictures a class", job.division.per_class}};
  const Record recipe = Record::parse(weights::to_json(job.recipe));
  for (const auto& [name, value] : recipe.items()) identity["recipe " + name] = value;
  return identity;
}

BatchOrder order_of(const TrainJob& job, const Division& division) {
  const Recipe& r = job.recipe;
  if (r.balanced_classes == 0) {
    return BatchOrder::shuffled(static_cast<std::int64_t>(division.train.size()), r.batch, r.seed);
  }
  std::vector<std::int32_t> labels;
  for (const std::int64_t i : division.train)
    labels.push_back(job.set.pictures[static_cast<std::size_t>(i)].label);
  return BatchOrder::balanced(labels, r.balanced_classes, r.balanced_each, r.seed);
}

DivisionOptions division_options(const TrainJob& job) {
  DivisionOptions o = job.division;
  o.part = job.recipe.validation;
  o.seed = job.recipe.seed;
  return o;
}

std::string division_csv(const TrainJob& job, const Division& d) {
  std::string csv = "file,class,label,split\n";
  const auto add = [&](const std::vector<std::int64_t>& pictures, const char* split) {
    for (const std::int64_t i : pictures) {
      const LabelledPicture& p = job.set.pictures[static_cast<std::size_t>(i)];
      csv += explain::csv_field(p.name) + "," +
             explain::csv_field(job.set.classes[static_cast<std::size_t>(p.label)]) + "," +
             std::to_string(p.label) + "," + split + "\n";
    }
  };
  add(d.train, "train");
  add(d.validation, "validation");
  add(d.test, "test");
  return csv;
}

double weight_norm(const Model& model) {
  double sum = 0.0;
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    const auto specs = model.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!specs[i].trainable) continue;
      for (const float w : model.parameters.of(id)[i].f32())
        sum += static_cast<double>(w) * static_cast<double>(w);
    }
  }
  return std::sqrt(sum);
}

void count_dead_filters(const Model& model, EpochRecord& record) {
  try {
    const auto reports =
        explain::report_filters(model.parameters.of(explain::first_convolution(model.graph))[0]);
    record.filters = static_cast<std::int64_t>(reports.size());
    for (const explain::FilterReport& r : reports) record.dead_filters += r.dead ? 1 : 0;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;  // a net without such filters
  }
}

class Training {
 public:
  Training(const TrainJob& job, const RunContext& context)
      : job_(job),
        context_(context),
        folder_(job.out),
        checkpoints_(job.out + "/checkpoints"),
        division_(divide(job.set, division_options(job))),
        order_(order_of(job, division_)),
        identity_(identity_of(job)),
        log_(job.out + "/log.jsonl"),
        watch_(
            job, division_.validation.empty() ? division_.train : division_.validation, context) {
    (void)context.settings.stream();
  }

  TrainSummary run() {
    if (job_.resume && !stopped_before_its_first_checkpoint()) {
      go_on();
    } else {
      begin();
    }
    fit();
    return finish();
  }

 private:
  void begin() {
    // Everything that can be wrong with net and recipe is found here, before a file is written.
    trainer_ = std::make_unique<Trainer>(job_.start.model, job_.recipe, order_.batches(),
                                         context_.settings.stream(), context_.settings.engines());
    const bool old = std::filesystem::exists(folder_.file("log.jsonl"));
    folder_.open(explain::existing(false, job_.overwrite), {job_.data, job_.net});
    folder_.begin();
    if (old) remove_old();
    write_settings();
    save();
  }

  /// Checkpoints and sheets of another training of this folder: files of the names that we give.
  void remove_old() const {
    for (const char* below : {"checkpoints", "watch"}) {
      std::error_code code;
      std::vector<std::filesystem::path> own;
      for (const auto& entry : std::filesystem::directory_iterator(folder_.file(below), code)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("checkpoint-") || name.starts_with("epoch-"))
          own.push_back(entry.path());
      }
      for (const auto& path : own) std::filesystem::remove(path, code);
    }
  }

  void write_settings() {
    folder_.make_room_for("checkpoints/any");
    log_.begin(folder_.claim("log.jsonl"));
    files::write_file_atomically(folder_.claim("recipe.json"), weights::to_json(job_.recipe));
    files::write_file_atomically(folder_.claim("division.csv"), division_csv(job_, division_));
    if (job_.unreadable.empty()) return;
    std::string csv = "file,why\n";
    for (const auto& [name, why] : job_.unreadable)
      csv += explain::csv_field(name) + "," + explain::csv_field(why) + "\n";
    files::write_file_atomically(folder_.claim("unreadable.csv"), csv);
  }

  [[nodiscard]] bool stopped_before_its_first_checkpoint() const {
    return std::filesystem::exists(folder_.file("log.jsonl")) && !folder_.finished() &&
           !checkpoints_.load_newest();
  }

  void go_on() {
    auto loaded = checkpoints_.load_newest();
    if (!loaded) {
      throw Error(ErrorKind::kUsage, "no training to go on with")
          .at(job_.out)
          .hint("leave --resume out to begin one");
    }
    damaged_ = loaded->damaged;
    if (!damaged_.empty())
      context_.observer.warn("a damaged checkpoint; the one before is taken: " + damaged_);
    const Record note = Record::parse(loaded->state.note, nullptr, false);
    if (note.is_discarded() || !note.contains("identity") || !note.contains("rate"))
      throw Error(ErrorKind::kInput, "no checkpoint of this program's trainings").at(loaded->path);
    const std::string other = explain::differences(note["identity"], identity_);
    if (!other.empty()) {
      throw Error(ErrorKind::kUsage, "the stopped training was another one")
          .at(job_.out)
          .got(other)
          .hint("repeat its command with --resume, or choose another --out");
    }
    trainer_ = std::make_unique<Trainer>(job_.start.model, loaded->state,
                                         context_.settings.stream(), context_.settings.engines());
    epochs_done_ = note["epochs_done"];
    loss_sum_ = note["loss_sum"];
    correct_ = note["correct"];
    last_rate_ = note["rate"];
    folder_.open(explain::Existing::kResume, {job_.data, job_.net});
    folder_.begin();
    log_.go_on(trainer_->steps(), epochs_done_);
  }

  [[nodiscard]] std::string note() const {
    return Record{{"identity", identity_},
                  {"epochs_done", epochs_done_},
                  {"loss_sum", loss_sum_},
                  {"correct", correct_},
                  {"rate", last_rate_}}
        .dump();
  }

  void save() {
    log_.save();
    TrainingState state = trainer_->state();
    state.note = note();
    checkpoints_.save(state);
    saved_ = trainer_->steps();
  }

  /// A checkpoint where what is learned since the last one would be lost.
  void save_what_is_new() {
    if (trainer_->steps() != saved_) save();
  }

  [[nodiscard]] std::unique_ptr<BatchLoader> make_loader() const {
    const Recipe& recipe = job_.recipe;
    BatchLoader::Options o;
    o.shape = job_.start.model.graph.node(0).shape;
    o.shape.n = recipe.batch_size();
    o.workers = context_.settings.cpu_threads();
    o.first = trainer_->steps();
    o.end = recipe.epochs * order_.batches();
    const std::int64_t per_epoch = order_.batches();
    const bool plain = recipe.augmentation == Augmentation{};
    return std::make_unique<BatchLoader>(
        o,
        [this, per_epoch](std::int64_t step) {
          std::vector<std::int64_t> pictures = order_.pictures(step / per_epoch, step % per_epoch);
          for (std::int64_t& i : pictures) i = division_.train[static_cast<std::size_t>(i)];
          return pictures;
        },
        [this, per_epoch, plain, shape = o.shape](std::int64_t step, std::int64_t picture,
                                                  View<float> to, std::int64_t n) {
          const weights::Preprocess& rule = job_.start.preprocess;
          const explain::Image image = job_.set.read(picture);
          const auto draw = draw_augmentation(job_.recipe.augmentation, image.width, image.height,
                                              job_.recipe.seed, step / per_epoch, picture);
          explain::fill_input(plain ? explain::resize_and_crop(image, rule)
                                    : augmented(image, rule, draw, static_cast<int>(shape.w),
                                                static_cast<int>(shape.h)),
                              rule, to, n);
        });
  }

  void fit() {
    const std::int64_t per_epoch = order_.batches();
    // Stopped between the last update of an epoch and the end of its measurements.
    if (trainer_->steps() > 0 && trainer_->batch_of_epoch() == 0 &&
        epochs_done_ < trainer_->epoch()) {
      end_epoch();
    }
    if (trainer_->epoch() >= job_.recipe.epochs) return;
    Progress progress(context_.observer, "train", job_.recipe.epochs * per_epoch,
                      trainer_->steps());
    const auto loader = make_loader();
    epoch_began_ = trainer_->steps();
    epoch_start_ = Clock::now();
    while (trainer_->epoch() < job_.recipe.epochs) {
      try {
        throw_if_cancelled(context_.observer);
        step(*loader, progress);
      } catch (const Cancelled&) {
        save_what_is_new();
        throw;
      } catch (const Error& error) {
        // A picture that is gone. But a loss that is not finite (kInternal) may already have moved
        // running estimates: then the last checkpoint is the good one.
        if (error.kind() == ErrorKind::kInput) save_what_is_new();
        throw;
      }
    }
  }

  void step(BatchLoader& loader, Progress& progress) {
    const BatchLoader::Batch& batch = loader.next();
    std::vector<std::int32_t> labels;
    for (const std::int64_t i : batch.pictures)
      labels.push_back(job_.set.pictures[static_cast<std::size_t>(i)].label);
    const Trainer::Result result = trainer_->step(batch.images, labels);
    const std::int64_t per_epoch = order_.batches();
    loss_sum_ += result.loss;
    correct_ += result.correct;
    log_.add(trainer_->steps(), (trainer_->steps() - 1) / per_epoch + 1, *trainer_, result,
             job_.recipe.batch_size());
    last_rate_ = static_cast<double>(result.rate);
    char text[96];
    const auto seen = static_cast<double>((trainer_->steps() - 1) % per_epoch + 1);
    std::snprintf(text, sizeof text, "epoch %lld, loss %.4f, %.2f %% right, %.0f img/s",
                  static_cast<long long>((trainer_->steps() - 1) / per_epoch + 1), loss_sum_ / seen,
                  100.0 * static_cast<double>(correct_) /
                      (seen * static_cast<double>(job_.recipe.batch_size())),
                  images_per_second());
    progress.add(1, text);
    if (trainer_->batch_of_epoch() == 0) {
      end_epoch();
    } else if (job_.checkpoint_steps > 0 && trainer_->steps() % job_.checkpoint_steps == 0) {
      save();
    }
  }

  [[nodiscard]] double images_per_second() const {
    const double images =
        static_cast<double>((trainer_->steps() - epoch_began_) * job_.recipe.batch_size());
    return images / std::max(1e-9, seconds_since(epoch_start_));
  }

  [[nodiscard]] Model model_now() const {
    return {job_.start.model.graph, trainer_->averaged_parameters()};
  }

  void end_epoch() {
    const auto updates = static_cast<double>(order_.batches());
    EpochRecord r;
    r.epoch = trainer_->epoch();
    r.steps = trainer_->steps();
    r.loss = loss_sum_ / updates;
    r.accuracy =
        static_cast<double>(correct_) / (updates * static_cast<double>(job_.recipe.batch_size()));
    r.rate = last_rate_;
    r.images_per_second = images_per_second();
    const Model model = model_now();
    r.weight_norm = weight_norm(model);
    count_dead_filters(model, r);
    r.held_back_loss = r.held_back_accuracy = std::numeric_limits<double>::quiet_NaN();
    if (!division_.validation.empty()) {
      last_ = evaluate(model, job_.start.preprocess, job_.set, division_.validation,
                       job_.recipe.batch_size(), context_);
      r.held_back_loss = last_->loss;
      r.held_back_accuracy = last_->accuracy;
    }
    trainer_->observe(last_ ? last_->loss : r.loss);
    log_.add(r);
    ++epochs_done_;
    loss_sum_ = 0.0;
    correct_ = 0;
    if (watch_.due(r.epoch)) watch_.look(r.epoch, model);
    save();
    write_report(model, nullptr);
    epoch_began_ = trainer_->steps();
    epoch_start_ = Clock::now();
  }

  void write_report(const Model& model, const Evaluation* evaluation) {
    TrainReport now;
    now.model = &model;
    now.evaluation = evaluation;
    now.steps = trainer_->steps();
    now.of = job_.recipe.epochs * order_.batches();
    now.sheets = watch_.sheets();
    files::write_file_atomically(folder_.claim("report.html"),
                                 report_page(job_, log_.epochs(), now, context_));
  }

  TrainSummary finish() {
    weights::Package package{model_now(), job_.start.preprocess, job_.set.classes,
                             job_.start.provenance};
    package.provenance.source_format = "trained";
    package.provenance.source_file = job_.data;
    package.provenance.source_sha256.clear();
    package.provenance.command.clear();
    for (const std::string& word : context_.origin.argv) {
      // What repeats the net, which is the same however often the training was stopped.
      if (word == "--resume") continue;
      package.provenance.command += (package.provenance.command.empty() ? "" : " ") + word;
    }
    TrainSummary s;
    s.on_test = !division_.test.empty();
    const auto& pictures = s.on_test ? division_.test : division_.validation;
    if (!s.on_test && last_) {
      s.evaluation = std::move(*last_);
    } else {
      s.evaluation = evaluate(package.model, job_.start.preprocess, job_.set, pictures,
                              job_.recipe.batch_size(), context_);
    }
    s.model = folder_.claim("net.h5");
    weights::save(package, s.model);
    for (const char* name : {"predictions.csv", "confusion.csv", "classes.csv", "evaluation.json"})
      (void)folder_.claim(name);
    write_evaluation(s.evaluation, job_.set, job_.out);
    watch_.finish();
    write_report(package.model, &s.evaluation);
    s.steps = trainer_->steps();
    s.epochs = trainer_->epoch();
    s.trained_on = static_cast<std::int64_t>(division_.train.size());
    s.held_back = static_cast<std::int64_t>(pictures.size());
    s.unreadable = static_cast<std::int64_t>(job_.unreadable.size());
    s.renormalized = trainer_->renormalized();
    s.seconds = seconds_since(start_);
    s.loss = log_.epochs().empty() ? 0.0 : log_.epochs().back().loss;
    s.damaged = damaged_;
    write_manifest(package, s);
    return s;
  }

  void write_manifest(const weights::Package& package, const TrainSummary& s) const {
    explain::Manifest m =
        start_manifest(s.model, weights::weights_hash(package.model), package, context_);
    m.seed = job_.recipe.seed;
    const auto pictures = static_cast<std::int64_t>(job_.set.pictures.size());
    m.counts = {pictures + s.unreadable, pictures, s.unreadable, 1};
    m.timings.push_back({"train", s.seconds, s.steps * job_.recipe.batch_size()});
    for (const auto& [name, why] : job_.unreadable) m.failures.push_back({name, why});
    m.extra = {{"net", job_.net},
               {"data", job_.data},
               {"data_digest", job_.survey.digest},
               {"accuracy", s.evaluation.accuracy},
               {"loss", s.evaluation.loss},
               folder_.files()};
    explain::write_manifest(folder_.last(), m);
    folder_.end();
  }

  const TrainJob& job_;
  const RunContext& context_;
  RunFolder folder_;
  weights::CheckpointFolder checkpoints_;
  Division division_;
  BatchOrder order_;
  Record identity_;
  TrainLog log_;
  Watch watch_;
  std::unique_ptr<Trainer> trainer_;
  std::optional<Evaluation> last_;  // of the validation pictures, after the last epoch
  std::int64_t epochs_done_{0}, correct_{0}, saved_{-1}, epoch_began_{0};
  double loss_sum_{0}, last_rate_{0};
  std::string damaged_;
  Clock::time_point start_{Clock::now()}, epoch_start_{Clock::now()};
};

}  // namespace

void check_folder(const std::string& out, bool resume, bool overwrite) {
  if (resume || overwrite) return;
  std::error_code code;
  if (!std::filesystem::exists(out + "/manifest.json", code) &&
      !std::filesystem::exists(out + "/log.jsonl", code)) {
    return;
  }
  throw Error(ErrorKind::kUsage, "the folder already holds a training")
      .at(out)
      .hint("go on with --resume, begin anew with --overwrite, or choose another --out");
}

TrainSummary run_training(const TrainJob& job, const RunContext& context) {
  check_folder(job.out, job.resume, job.overwrite);
  return Training(job, context).run();
}

}  // namespace cutaway::training
