#include "explain/training/roar/roar_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <tuple>
#include <utility>

#include "explain/evaluate/baseline.h"
#include "explain/evaluate/importance.h"
#include "explain/evaluate/run/outputs.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/report/chart.h"
#include "explain/runs/named_record.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/run_resume.h"
#include "explain/runs/steps.h"
#include "explain/statistics/mean_interval.h"
#include "explain/study/run/page.h"
#include "explain/training/data/survey.h"
#include "explain/training/roar/removal.h"
#include "explain/training/run/prepare.h"
#include "explain/training/run/train_run.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "weights/graph_json.h"
#include "weights/recipe_json.h"

namespace cutaway::training {

auto members(RoarRun& r) { return std::tie(r.method, r.level, r.seed, r.accuracy, r.loss); }

namespace {

using explain::Baseline;
using explain::Record;
using explain::RunFolder;
using explain::Steps;

constexpr const char* kIntact = "intact";
constexpr Baseline kBaselines[] = {Baseline::kRandom, Baseline::kSobel};
constexpr std::int64_t kExplainedAtOnce = 16;
constexpr std::size_t kShown = 4;  // pictures of the report

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", 100 * share);
  return text;
}

class Roar {
 public:
  Roar(const RoarJob& job, const explain::RunContext& context)
      : job_(job), context_(context), folder_(job.out), all_(job.set) {}

  RoarSummary run() {
    found_ = survey(all_, context_.settings.cpu_threads(), context_.observer);
    set_ = all_;
    unreadable_ = leave_out_unreadable(set_, found_, context_);
    summary_.unreadable = static_cast<std::int64_t>(unreadable_.size());
    const Record identity = check();
    folder_.open(explain::existing(job_.resume, job_.overwrite), {job_.data});
    Steps steps(folder_, job_.resume, identity, context_.observer);
    if (steps.complete_before()) {
      summary_.complete_before = true;
      summary_.report = folder_.file("report.html");
      summary_.manifest = folder_.last();
      return std::move(summary_);
    }
    folder_.begin();
    steps.run(context_.observer, [&] { train_all(steps); });
    write();
    return std::move(summary_);
  }

 private:
  /// Finds what is wrong before hours of training; what the run is.
  Record check() {
    std::set<std::uint64_t> seeds(job_.seeds.begin(), job_.seeds.end());
    if (seeds.empty() || seeds.size() != job_.seeds.size())
      throw Error(ErrorKind::kUsage, "seeds").expected("one or more, each once");
    const weights::Package start =
        start_net(job_.net, all_, found_, job_.recipe.initial, job_.seeds.front());
    rule_ = start.preprocess;
    const Shape& input = start.model.graph.node(0).shape;
    (void)RemovalOrder(job_.levels, input.h, input.w);
    explain::ChosenMethods chosen =
        explain::choose_methods(job_.methods, job_.options, start, job_.layer);
    methods_ = std::move(chosen.methods);
    summary_.refusals = std::move(chosen.refused);
    Record asked = Record::array();
    for (const explain::MethodChoice& m : methods_) {
      names_.push_back(m.name);
      asked.push_back({m.name, explain::record_of(explain::named_values(m.options))});
    }
    for (const Baseline b : kBaselines) names_.emplace_back(to_string(b));
    folders_ = explain::file_words(names_, {"roar.csv", "areas.csv", "report.html", kIntact});
    return explain::as_read_back(
        {{"data", found_.digest},
         {"classes", all_.classes},
         {"net", weights::to_json(start.model.graph)},
         {"recipe", weights::to_json(job_.recipe)},
         {"methods", asked},
         {"layer", job_.layer},
         {"levels", job_.levels},
         {"keep", job_.keep},
         {"seeds", job_.seeds},
         {"held back", job_.division.held_back ? to_string(*job_.division.held_back) : ""},
         {"pictures a class", job_.division.per_class}});
  }

  void train_all(Steps& steps) {
    const std::size_t total = job_.seeds.size() * (1 + names_.size() * job_.levels.size());
    const auto step = [&](const std::string& name, const auto& compute) {
      const auto done = static_cast<double>(summary_.runs.size());
      context_.observer.progress("trainings", done, static_cast<double>(total));
      summary_.runs.push_back(steps.step<RoarRun>(name, compute));
      context_.observer.progress("trainings", done + 1, static_cast<double>(total));
    };
    for (const std::uint64_t seed : job_.seeds) {
      const std::string intact = train_folder(kIntact, 0, seed);
      step(std::string(kIntact) + " seed " + std::to_string(seed),
           [&] { return train(kIntact, 0, seed, set_, false, intact); });
      for (std::size_t m = 0; m < names_.size(); ++m) {
        std::shared_ptr<const RemovalOrder> order;  // made when the first training needs it
        for (std::size_t k = 0; k < job_.levels.size(); ++k) {
          const double level = job_.levels[k];
          step(names_[m] + " " + percent(level) + " seed " + std::to_string(seed), [&] {
            if (!order) order = removal(m, seed, intact + "/net.h5");
            const LabelledSet removed = with_removed(set_, rule_, order, k, found_.mean);
            show(m, k, removed);
            return train(names_[m], level, seed, removed, true,
                         train_folder(folders_[m], level, seed));
          });
        }
      }
    }
  }

  [[nodiscard]] std::string train_folder(const std::string& method,
                                         double level,
                                         std::uint64_t seed) const {
    return job_.out + "/" + method + (method == kIntact ? "" : "/level-" + percent(level)) +
           "/seed-" + std::to_string(seed);
  }

  RoarRun train(const std::string& method,
                double level,
                std::uint64_t seed,
                const LabelledSet& set,
                bool seen,
                const std::string& out) {
    Recipe recipe = job_.recipe;
    recipe.seed = seed;
    TrainJob train(start_net(job_.net, all_, found_, recipe.initial, seed));
    if (seen) train.start.preprocess = as_seen(train.start.preprocess);
    train.net = job_.net.net;
    train.data = job_.data;
    train.recipe = recipe;
    train.set = set;
    train.survey = found_;
    train.survey.digest += " " + method + " " + percent(level) + (job_.keep ? " kept" : "");
    train.unreadable = unreadable_;
    train.division = job_.division;
    train.out = out;
    std::error_code code;
    const bool begun = std::filesystem::exists(out + "/log.jsonl", code) &&
                       !std::filesystem::exists(out + "/manifest.json", code);
    train.resume = job_.resume && begun;
    train.overwrite = !train.resume;
    const TrainSummary s = run_training(train, context_);
    return {method, level, seed, s.evaluation.accuracy, s.evaluation.loss};
  }

  /// The order in which the pixels of all pictures go, by the net of this seed.
  std::shared_ptr<const RemovalOrder> removal(std::size_t m,
                                              std::uint64_t seed,
                                              const std::string& net) {
    const weights::Package package = weights::load(net);
    const Shape input = package.model.graph.node(0).shape;
    auto order = std::make_shared<RemovalOrder>(job_.levels, input.h, input.w);
    explain::Explainer explainer;
    if (m < methods_.size()) {
      explain::Session::Options options;
      options.layer = job_.layer;
      options.engines = context_.settings.engines();
      options.budget = context_.settings.share_of_memory();
      explainer = explain::make_explainer(package.model, methods_[m].name, methods_[m].options,
                                          context_.settings.stream(), options);
    }
    const auto count = static_cast<std::int64_t>(set_.pictures.size());
    Progress progress(context_.observer, names_[m] + " of all pictures", count);
    for (std::int64_t first = 0; first < count; first += kExplainedAtOnce) {
      throw_if_cancelled(context_.observer);
      const std::int64_t now = std::min(kExplainedAtOnce, count - first);
      Tensor batch = zeros({now, input.c, input.h, input.w});
      std::vector<std::int64_t> targets;
      for (std::int64_t i = 0; i < now; ++i) {
        explain::fill_input(explain::resize_and_crop(set_.read(first + i), package.preprocess),
                            package.preprocess, batch.ref().out(), i);
        targets.push_back(set_.pictures[static_cast<std::size_t>(first + i)].label);
      }
      const Tensor maps = explainer ? explainer(batch, targets)
                                    : baseline(kBaselines[m - methods_.size()], batch, seed, first);
      const auto plane = static_cast<std::size_t>(maps.shape().plane());
      for (std::int64_t i = 0; i < now; ++i) {
        order->add(maps.f32().subspan(static_cast<std::size_t>(i) * plane, plane), job_.keep,
                   seed * 0x9E3779B97F4A7C15u + static_cast<std::uint64_t>(first + i));
      }
      progress.add(now);
    }
    return order;
  }

  static Tensor baseline(Baseline which,
                         const Tensor& batch,
                         std::uint64_t seed,
                         std::int64_t first) {
    const Shape& s = batch.shape();
    Tensor maps = zeros({s.n, 1, s.h, s.w});
    const auto numbers = static_cast<std::size_t>(s.c * s.plane());
    const auto plane = static_cast<std::size_t>(s.plane());
    for (std::int64_t i = 0; i < s.n; ++i) {
      Tensor one = zeros({1, s.c, s.h, s.w});
      std::ranges::copy(batch.f32().subspan(static_cast<std::size_t>(i) * numbers, numbers),
                        one.f32().begin());
      const Tensor map = baseline_map(which, one, seed, static_cast<std::uint64_t>(first + i));
      std::ranges::copy(map.f32(),
                        maps.f32().subspan(static_cast<std::size_t>(i) * plane, plane).begin());
    }
    return maps;
  }

  /// Keeps the first pictures as one method leaves them, for the report.
  void show(std::size_t m, std::size_t level, const LabelledSet& removed) {
    const std::string file =
        job_.out + "/" + folders_[m] + "/level-" + percent(job_.levels[level]) + ".png";
    std::error_code code;
    std::filesystem::create_directories(job_.out + "/" + folders_[m], code);
    std::vector<explain::Tile> tiles;
    for (std::size_t i = 0; i < std::min(kShown, removed.pictures.size()); ++i) {
      const explain::Image seen = removed.read(static_cast<std::int64_t>(i));
      tiles.push_back(
          {explain::magnify(seen, std::max(1, 112 / std::max(seen.width, seen.height))), "", ""});
    }
    explain::write_png(file, explain::grid(tiles, static_cast<int>(tiles.size()), {}, {}));
  }

  void write() {
    using explain::csv_field;
    using explain::csv_value;
    summary_.rows = roar_rows(summary_.runs, job_.levels, job_.seeds);
    std::vector<double> intact;
    std::string csv = "method,removed,seed,accuracy,loss\n";
    for (const RoarRun& r : summary_.runs) {
      if (r.method == kIntact) intact.push_back(r.accuracy);
      csv += csv_field(r.method) + "," + csv_value(r.level) + "," + std::to_string(r.seed) + "," +
             csv_value(r.accuracy) + "," + csv_value(r.loss) + "\n";
    }
    explain::BootstrapOptions numbers;
    numbers.shares = false;
    summary_.intact = mean_interval(intact, numbers);
    files::write_file_atomically(folder_.claim("roar.csv"), csv);
    csv = "method,area,low,high,against_random,against_random_low,against_random_high,seeds\n";
    for (const RoarRow& row : summary_.rows) {
      csv += csv_field(row.method);
      for (const explain::Interval* i : {&row.area, &row.against_random})
        csv += "," + csv_value(i->value) + "," + csv_value(i->low) + "," + csv_value(i->high);
      csv += "," + std::to_string(row.area.count) + "\n";
    }
    files::write_file_atomically(folder_.claim("areas.csv"), csv);
    summary_.report = folder_.claim("report.html");
    files::write_file_atomically(summary_.report, page());
    explain::Manifest manifest = explain::start_manifest(context_);
    const auto runs = static_cast<std::int64_t>(summary_.runs.size());
    manifest.counts = {runs, runs, 0, runs};
    for (const auto& [name, why] : unreadable_) manifest.failures.push_back({name, why});
    manifest.extra = {{"data", job_.data}};
    manifest.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, manifest);
    folder_.end();
  }

  [[nodiscard]] std::string page() const {
    explain::StudyPage page(
        job_.keep ? "Keep and retrain" : "Remove and retrain",
        std::string("Nets were trained on pictures whose ") + (job_.keep ? "least" : "most") +
            " important pixels, as a method tells by the net trained on whole pictures, were "
            "replaced by the mean colour of the data, in training and test alike (Hooker et al. "
            "2019). " +
            (job_.keep ? "The better a method, the longer accuracy stays"
                       : "The better a method, the faster accuracy falls") +
            "; random removal is what it must beat. " + std::to_string(job_.seeds.size()) +
            " trainings each; brackets: 95 % intervals of the mean over them.");
    std::vector<std::string> head{"removed"};
    explain::Chart chart;
    chart.title = "accuracy";
    chart.x_label = "share of pixels removed";
    chart.x = {0};
    chart.most = 1;
    chart.x.insert(chart.x.end(), job_.levels.begin(), job_.levels.end());
    for (const double level : job_.levels) head.push_back(percent(level) + " %");
    head.insert(head.end(), {"area", "area against random"});
    std::vector<std::vector<std::string>> table;
    std::vector<std::string> names;
    for (const RoarRow& row : summary_.rows) {
      table.push_back({row.method});
      names.push_back(row.method);
      chart.lines.push_back({summary_.intact.value});
      for (const explain::Interval& i : row.accuracy) {
        table.back().push_back(explain::interval_text(i));
        chart.lines.back().push_back(i.value);
      }
      table.back().push_back(explain::interval_text(row.area));
      table.back().push_back(row.method == to_string(Baseline::kRandom)
                                 ? "-"
                                 : explain::interval_text(row.against_random));
    }
    page.charts({chart_svg(chart), explain::legend_svg(names)},
                "Accuracy on pictures that were not trained on; on whole pictures " +
                    explain::interval_text(summary_.intact) + ".");
    page.table(head, table);
    for (const std::string& why : summary_.refusals) page.section("Left out", why);
    pictures(page);
    return page.html(context_.origin.argv, {{"data", job_.data}});
  }

  void pictures(explain::StudyPage& page) const {
    const std::size_t middle = job_.levels.size() / 2;
    const std::string level = percent(job_.levels[middle]);
    for (std::size_t m = 0; m < names_.size(); ++m) {
      const std::string file = job_.out + "/" + folders_[m] + "/level-" + level + ".png";
      page.picture(explain::read_image(file), names_[m],
                   names_[m] + ": " + level + " % of the pixels removed");
    }
  }

  const RoarJob& job_;
  const explain::RunContext& context_;
  RunFolder folder_;
  const LabelledSet& all_;  // what the survey is of
  LabelledSet set_;         // what can be read
  Survey found_;
  weights::Preprocess rule_;
  std::vector<explain::MethodChoice> methods_;
  std::vector<std::string> names_, folders_;  // of methods and baselines
  std::vector<std::pair<std::string, std::string>> unreadable_;
  RoarSummary summary_;
};

}  // namespace

RoarSummary run_roar(const RoarJob& job, const explain::RunContext& context) {
  return Roar(job, context).run();
}

}  // namespace cutaway::training
