#include "tools/explaining/run.h"

#include <chrono>
#include <filesystem>
#include <map>

#include "explain/render/panel.h"
#include "explain/session.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "tools/explaining/pixel_box.h"
#include "tools/explaining/targets.h"
#include "tools/files/npy.h"
#include "tools/images/write_image.h"
#include "tools/program/network.h"
#include "tools/program/progress.h"
#include "tools/report/manifest.h"
#include "tools/report/report.h"

namespace cutaway::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Text fit for a file name: what is not a letter, digit, dot or dash becomes '_'.
std::string file_word(const std::string& text) {
  std::string word;
  for (const char c : text.substr(0, 80)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-';
    word += plain ? c : '_';
  }
  return word;
}

Fields fields_of(const Attributes& attributes) {
  Fields fields;
  for (const auto& [name, value] : attributes.values()) {
    std::visit([&](const auto& v) { fields.push_back({name, Value(v)}); }, value);
  }
  return fields;
}

std::string parameter_text(const explain::Explanation& e, std::size_t n) {
  std::string text = n < e.notes.size() ? e.notes[n] : "";
  for (const auto& [name, value] : fields_of(e.options)) {
    if (e.notes.empty()) text += (text.empty() ? "" : ", ") + name + " " + to_text(value);
  }
  return text;
}

/// One run of `explain`.
class Run {
 public:
  Run(const ExplainJob& job, const weights::Package& package, const Context& context)
      : job_(job),
        package_(package),
        context_(context),
        shape_(input_shape(job, package)),
        session_(package.model, methods(job, package), shape_, context.stream(), session_options(job, context)),
        report_(head(), {}) {
    for (const std::string& text : job.targets) rules_.emplace_back(text, package);
    const Graph& graph = package.model.graph;
    const NodeId layer = session_.setting().layer;
    summary_.layer = layer >= 0 ? graph.node(layer).name : "none";
    summary_.layer_why = session_.setting().layer_why;
    if (context.common.verbose > 0) context.info(session_.executor().plan().report(graph));
  }

  ExplainSummary run() {
    Progress progress("explain", static_cast<std::int64_t>(job_.images.size()),
                      context_.common.quiet);
    const auto step = static_cast<std::size_t>(shape_.n);
    for (std::size_t first = 0; first < job_.images.size(); first += step) {
      throw_if_interrupted();
      const std::size_t count = std::min(step, job_.images.size() - first);
      explain_batch(first, count);
      progress.add(static_cast<std::int64_t>(count));
    }
    finish();
    return std::move(summary_);
  }

 private:
  static Shape input_shape(const ExplainJob& job, const weights::Package& package) {
    Shape shape = package.model.graph.node(0).shape;
    shape.n = std::min(job.batch, static_cast<std::int64_t>(job.images.size()));
    return shape;
  }

  static std::vector<explain::MethodPtr> methods(const ExplainJob& job, const weights::Package& package) {
    std::vector<explain::MethodPtr> made;
    for (const std::string& name : job.methods) {
      Attributes options;
      for (const auto& [method, values] : job.options) {
        if (method == name) options = values;
      }
      add_pixel_box(name, package.preprocess, options);
      made.push_back(explain::make_method(name, options));
    }
    return made;
  }

  static explain::Session::Options session_options(const ExplainJob& job, const Context& context) {
    explain::Session::Options options;
    options.layer = job.layer;
    options.engines = context.engines();
    return options;
  }

  ReportHead head() const {
    ReportHead head;
    head.title = "Explanations";
    head.subtitle = std::filesystem::path(job_.model_path).filename().string();
    head.argv = {"cutaway"};
    head.argv.insert(head.argv.end(), context_.argv.begin(), context_.argv.end());
    head.details.push_back({"Model",
                            {{"parameters", package_.model.graph.parameter_count()},
                             {"weights", weights::weights_hash(package_.model)},
                             {"source", package_.provenance.source_format + " " +
                                            package_.provenance.source_file}}});
    head.details.push_back({"Preprocessing", tools::fields_of(package_.preprocess)});
    head.details.push_back({"Run",
                            {{"version", std::string(CUTAWAY_VERSION)},
                             {"seed", static_cast<std::int64_t>(context_.common.seed)},
                             {"device", to_string(device_of(context_.stream()))},
                             {"precision", context_.common.precision}}});
    return head;
  }

  void explain_batch(std::size_t first, std::size_t count) {
    const int threads = CpuStream(context_.common.threads).threads();
    Batch batch = load_batch(job_.images, first, count, package_.preprocess, shape_, threads);
    for (const auto& failure : batch.failures) add_failure(failure.entry, failure.error);
    if (batch.entries.empty()) return;

    auto start = Clock::now();
    const Tensor& scores = session_.forward(batch.input.clone());
    summary_.forward_seconds += seconds_since(start);
    std::vector<ReportRow> rows;
    std::vector<std::vector<std::int64_t>> rankings;
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      rows.push_back(row_of(batch, i, scores, rankings));
    }
    for (const TargetRule& rule : rules_) {
      // Rows beyond the pictures exist only to fill the batch; any class will do for them.
      std::vector<std::int64_t> targets(static_cast<std::size_t>(shape_.n), 0);
      std::vector<bool> wanted(batch.entries.size(), true);
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        const auto label = job_.images[batch.entries[i]].label;
        const auto target = rule.resolve(rankings[i], label);
        wanted[i] = target.has_value();
        if (target) targets[i] = *target;
      }
      start = Clock::now();
      const std::vector<explain::Explanation> all = session_.explain(std::move(targets));
      summary_.explain_seconds += seconds_since(start);
      start = Clock::now();
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        for (const explain::Explanation& e : all) add_cell(batch, i, e, wanted[i], rows[i]);
      }
      summary_.write_seconds += seconds_since(start);
    }
    for (const ReportRow& row : rows) {
      if (job_.report && report_.rows() < job_.report_rows) report_.add(row);
    }
    summary_.images += static_cast<std::int64_t>(rows.size());
  }

  ReportRow row_of(const Batch& batch, std::size_t i, const Tensor& scores,
                   std::vector<std::vector<std::int64_t>>& rankings) const {
    const ImageEntry& entry = job_.images[batch.entries[i]];
    const auto p = probabilities(scores, static_cast<std::int64_t>(i));
    rankings.push_back(top(p, p.size()));
    ReportRow row;
    row.name = entry.name;
    row.photo = batch.seen[i];
    if (entry.label) {
      row.true_label = label_name(package_, *entry.label);
      row.correct = rankings.back()[0] == *entry.label;
    }
    for (const std::int64_t c : top(p, 3)) {
      row.predictions.push_back({label_name(package_, c), p[static_cast<std::size_t>(c)]});
    }
    return row;
  }

  void add_cell(const Batch& batch, std::size_t i, const explain::Explanation& e, bool wanted,
                ReportRow& row) {
    ReportCell cell;
    cell.method = e.method;
    cell.layer = e.layer;
    if (!wanted) {
      cell.warning = "no label to explain";
      add_tile(batch.entries[i], {{batch.seen[i], {}, {}, false, {}}, {}, false}, cell, batch.seen[i]);
      row.cells.push_back(std::move(cell));
      return;
    }
    const bool unit = e.method == "deconvnet";
    const std::int64_t target = e.targets[i];
    cell.target = unit ? "unit " + std::to_string(target) : label_name(package_, target);
    cell.parameters = parameter_text(e, i);
    const Painted painted = paint(e, static_cast<std::int64_t>(i), batch.seen[i],
                                  package_.preprocess, job_.paint);
    cell.picture = painted.colors.image;
    cell.over_photo = painted.over_photo;
    cell.limits = painted.colors.limits;
    cell.colormap = painted.colors.colormap;
    cell.warning = painted.colors.why;
    const std::string base = file_base(batch.entries[i], e, unit ? "unit" + std::to_string(target)
                                                                 : cell.target);
    if (job_.raw) {
      const Shape& s = e.map.shape();
      const std::vector<std::int64_t> extents{s.c, s.h, s.w};
      const auto size = static_cast<std::size_t>(s.c * s.plane());
      write_npy(job_.out + "/" + base + ".npy", extents, e.map.f32().subspan(i * size, size));
      cell.raw_file = base + ".npy";
    }
    if (job_.pictures) write_png(job_.out + "/" + base + ".png", painted.figure, {1});
    add_tile(batch.entries[i], painted, cell, batch.seen[i]);
    ++summary_.maps;
    row.cells.push_back(std::move(cell));
  }

  /// The first pictures also go onto one sheet: a row a picture, the photo first.
  void add_tile(std::size_t entry, const Painted& painted, const ReportCell& cell,
                const explain::Image& photo) {
    constexpr std::size_t kRows = 8;
    if (!job_.pictures || (sheet_.size() == kRows && !sheet_.contains(entry))) return;
    std::vector<explain::Tile>& row = sheet_[entry];
    if (row.empty()) row.push_back({photo, std::filesystem::path(job_.images[entry].name).stem().string(), ""});
    const explain::Image shown =
        painted.over_photo
            ? explain::blend(photo, painted.colors.image, explain::Blend::alpha(job_.paint.heat_weight))
            : painted.colors.image;
    row.push_back({shown, cell.method, cell.target});
  }

  void write_sheet() const {
    if (sheet_.empty()) return;
    std::vector<explain::Tile> tiles;
    for (const auto& [entry, row] : sheet_) tiles.insert(tiles.end(), row.begin(), row.end());
    const int columns = static_cast<int>(sheet_.begin()->second.size());
    write_png(job_.out + "/sheet.png", explain::grid(tiles, columns));
  }

  std::string file_base(std::size_t entry, const explain::Explanation& e, const std::string& target) {
    std::filesystem::path name = job_.images[entry].name;
    std::string stem = file_word((name.parent_path() / name.stem()).string());
    // Two pictures of one name in different folders must not overwrite each other.
    const auto [known, fresh] = stems_.try_emplace(stem, entry);
    if (!fresh && known->second != entry) stem += "-" + std::to_string(entry);
    return stem + "__" + file_word(e.method) + "__" + file_word(e.layer) + "__" + file_word(target);
  }

  void add_failure(std::size_t entry, const std::string& error) {
    summary_.failures.emplace_back(job_.images[entry].name, error);
    context_.warn(error);
    if (!job_.report || report_.rows() >= job_.report_rows) return;
    ReportRow row;
    row.name = job_.images[entry].name;
    row.error = error;
    report_.add(row);
  }

  void finish() {
    write_sheet();
    if (job_.report) {
      summary_.report = job_.out + "/report.html";
      report_.write(summary_.report);
    }
    Manifest m;
    m.tool_version = CUTAWAY_VERSION;
    m.argv = {"cutaway"};
    m.argv.insert(m.argv.end(), context_.argv.begin(), context_.argv.end());
    m.model = {job_.model_path, std::filesystem::path(job_.model_path).stem().string(),
               package_.provenance.source_sha256,
               {{"weights_hash", weights::weights_hash(package_.model)},
                {"parameters", package_.model.graph.parameter_count()},
                {"source", package_.provenance.source_file}}};
    m.preprocessing = tools::fields_of(package_.preprocess);
    for (const std::string& name : job_.methods) {
      Fields parameters;
      for (const auto& [method, values] : job_.options) {
        if (method == name) parameters = fields_of(values);
      }
      std::string targets;
      for (const TargetRule& rule : rules_) targets += (targets.empty() ? "" : ",") + rule.text();
      m.methods.push_back({name, summary_.layer, summary_.layer_why, targets, parameters});
    }
    m.seed = context_.common.seed;
    m.device = to_string(device_of(context_.stream()));
    m.precision = context_.common.precision;
    m.threads = CpuStream(context_.common.threads).threads();
    m.counts = {static_cast<std::int64_t>(job_.images.size()), summary_.images,
                static_cast<std::int64_t>(summary_.failures.size()), summary_.maps};
    m.timings = {{"forward", summary_.forward_seconds, summary_.images},
                 {"explain", summary_.explain_seconds, summary_.maps},
                 {"write", summary_.write_seconds, summary_.maps}};
    for (const auto& [file, error] : summary_.failures) m.failures.push_back({file, error});
    summary_.manifest = job_.out + "/manifest.json";
    write_manifest(summary_.manifest, m);
  }

  const ExplainJob& job_;
  const weights::Package& package_;
  const Context& context_;
  Shape shape_;
  explain::Session session_;
  std::vector<TargetRule> rules_;
  std::map<std::string, std::size_t> stems_;
  std::map<std::size_t, std::vector<explain::Tile>> sheet_;
  ExplainSummary summary_;
  ReportBuilder report_;
};

}  // namespace

ExplainSummary run_explain(const ExplainJob& job, const weights::Package& package,
                           const Context& context) {
  return Run(job, package, context).run();
}

}  // namespace cutaway::tools
