#include "weights/import/import_plan.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <unordered_map>

#include "runtime/error.h"
#include "weights/import/summary.h"

namespace cutaway::weights {
namespace {

// More lines than that help nobody.
constexpr std::size_t kMostProblems = 60;
// Elements read, looked at and written at a time: 1 MiB, which stays in a processor's cache.
constexpr std::size_t kPiece = std::size_t{1} << 18;

std::string target_name(const Graph& graph, NodeId node, const ParameterSpec& spec) {
  return graph.node(node).name + " " + spec.name;
}

std::string quoted_patterns(const std::vector<std::string>& sources) {
  std::string text;
  for (const std::string& s : sources) {
    if (text.size() > 200) return text + ", ...";
    text += (text.empty() ? "" : ", ") + s;
  }
  return text;
}

void in_pieces(std::size_t count, const std::function<void(std::size_t, std::size_t)>& take) {
  for (std::size_t at = 0; at < count; at += kPiece) take(at, std::min(kPiece, count - at));
}

void add_row(ImportRow row, const ValueSummary& summary, ImportReport& report, Problems& problems) {
  if (!summary.finite) problems.add(row.source + " for " + row.target + " is not finite");
  row.mean = summary.mean;
  row.deviation = summary.deviation;
  row.checksum = summary.checksum;
  report.rows.push_back(std::move(row));
}

}  // namespace

void Problems::stop(const std::string& where, const std::string& what) const {
  if (lines_.empty()) return;
  std::string all = std::to_string(lines_.size()) + " " + what;
  for (std::size_t i = 0; i < std::min(lines_.size(), kMostProblems); ++i)
    all += "\n  " + lines_[i];
  if (lines_.size() > kMostProblems) all += "\n  ...";
  throw Error(ErrorKind::kInput, all).at(where);
}

/// The matching under way.
class Matcher {
 public:
  Matcher(const Source& source,
          const Graph& graph,
          const Bindings& bindings,
          const ImportOptions& options,
          Problems& problems,
          ImportPlan& plan)
      : source_(source),
        graph_(graph),
        bindings_(bindings),
        options_(options),
        problems_(problems),
        plan_(plan),
        uses_(source.tensors.size(), 0),
        allowed_uses_(options.allow_missing.size(), false) {
    for (std::size_t i = 0; i < source.tensors.size(); ++i) {
      if (!index_.emplace(source.tensors[i].name, i).second) {
        problems_.add("two tensors are called " + source.tensors[i].name);
      }
    }
    for (const Binding& b : bindings_.list) by_target_[{b.node, b.parameter}] = &b;
  }

  void run() {
    for (NodeId id = 0; id < graph_.size(); ++id) {
      std::size_t parameter = 0;
      for (const ParameterSpec& spec : graph_.parameters(id)) {
        ImportPlan::Entry entry;
        entry.node = id;
        entry.parameter = parameter++;
        entry.target = target_name(graph_, id, spec);
        entry.spec = spec;
        match(std::move(entry));
      }
    }
    if (options_.by_shape) match_shapes();
    for (const ImportPlan::Entry& entry : unmatched_) report_missing(entry);
    list_unused();
    swap_first();
    check_patterns();
  }

 private:
  const Binding* binding_of(const ImportPlan::Entry& entry) const {
    const auto found = by_target_.find({entry.node, entry.parameter});
    return found == by_target_.end() ? nullptr : found->second;
  }

  void match(ImportPlan::Entry entry) {
    const Binding* binding = binding_of(entry);
    if (binding != nullptr && !binding->values.empty()) {
      entry.values = binding->values;
      const auto count = static_cast<std::size_t>(entry.spec.shape.count());
      if (entry.values.size() != 1 && entry.values.size() != count) {
        problems_.add("values of " + entry.target + ": expected " + std::to_string(count) +
                      ", got " + std::to_string(entry.values.size()));
        entry.values.resize(1);
      }
      plan_.entries_.push_back(std::move(entry));
      return;
    }
    if (binding != nullptr) {
      for (const std::string& name : binding->sources) {
        const auto found = index_.find(name);
        if (found == index_.end()) continue;
        take(std::move(entry), *binding, found->second);
        return;
      }
    }
    plan_.entries_.push_back(entry);
    plan_.entries_.back().missing = true;
    unmatched_.push_back(std::move(entry));
  }

  void take(ImportPlan::Entry entry, const Binding& binding, std::size_t source) {
    const SourceTensor& tensor = source_.tensors[source];
    if (uses_[source]++ > 0 && !binding.may_share) {
      problems_.add(tensor.name + " is taken twice, at last for " + entry.target);
    }
    entry.source = source;
    entry.transform = binding.transform;
    check_fit(entry, binding, tensor);
    plan_.entries_.push_back(std::move(entry));
  }

  void check_fit(const ImportPlan::Entry& entry,
                 const Binding& binding,
                 const SourceTensor& tensor) {
    std::vector<Extents> accepted =
        parameter_extents(graph_.node(entry.node).layer->kind(), entry.spec);
    accepted.insert(accepted.end(), binding.also.begin(), binding.also.end());
    for (Extents& extents : accepted) extents = source_extents(binding.transform, extents);
    if (std::find(accepted.begin(), accepted.end(), tensor.extents) == accepted.end()) {
      problems_.add("extents of " + tensor.name + " for " + entry.target + ": expected " +
                    text_of(accepted.front()) + ", got " + text_of(tensor.extents));
    } else if (!is_floating(tensor.type)) {
      problems_.add("type of " + tensor.name + " for " + entry.target +
                    ": expected floating point, got " + to_string(tensor.type));
    }
  }

  // One tensor and one parameter of the same extents are a pair; more are a guess.
  void match_shapes() {
    std::map<Extents, std::vector<std::size_t>> tensors;
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      if (uses_[i] == 0 && is_floating(source_.tensors[i].type))
        tensors[source_.tensors[i].extents].push_back(i);
    }
    const auto usual = [&](const ImportPlan::Entry& e) {
      return parameter_extents(graph_.node(e.node).layer->kind(), e.spec).front();
    };
    std::map<Extents, int> targets;
    for (const ImportPlan::Entry& e : unmatched_) ++targets[usual(e)];
    std::vector<ImportPlan::Entry> left;
    for (ImportPlan::Entry& e : unmatched_) {
      const auto found = tensors.find(usual(e));
      if (found == tensors.end()) {
        left.push_back(std::move(e));
      } else if (found->second.size() == 1 && targets[found->first] == 1) {
        ++uses_[found->second[0]];
        for (ImportPlan::Entry& planned : plan_.entries_) {
          if (planned.node != e.node || planned.parameter != e.parameter) continue;
          planned.source = found->second[0];
          planned.missing = false;
        }
      } else {
        problems_.add("extents " + text_of(found->first) + " do not tell which of " +
                      std::to_string(found->second.size()) + " tensors is " + e.target +
                      ": name it in --map");
      }
    }
    unmatched_ = std::move(left);
  }

  bool allowed_missing(const ImportPlan::Entry& entry) {
    bool allowed = false;
    for (std::size_t i = 0; i < options_.allow_missing.size(); ++i) {
      const std::string& pattern = options_.allow_missing[i];
      bool fits = matches_pattern(pattern, entry.target);
      for (const auto& [alias, node] : graph_.aliases()) {
        fits =
            fits || (node == entry.node && matches_pattern(pattern, alias + " " + entry.spec.name));
      }
      if (!fits) continue;
      allowed_uses_[i] = true;
      allowed = true;
    }
    return allowed;
  }

  void report_missing(const ImportPlan::Entry& entry) {
    if (allowed_missing(entry)) {
      plan_.report_.missing.push_back(entry.target);
      return;
    }
    const Binding* binding = binding_of(entry);
    const LayerKind kind = graph_.node(entry.node).layer->kind();
    const Extents usual = parameter_extents(kind, entry.spec).front();
    if (binding == nullptr || binding->sources.empty()) {
      problems_.add("this layout has no place for " + entry.target + " (" + text_of(usual) + ")");
    } else {
      problems_.add("missing: " + entry.target + " (" +
                    text_of(source_extents(binding->transform, usual)) + "), looked for " +
                    quoted_patterns(binding->sources));
    }
  }

  void list_unused() {
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      if (uses_[i] > 0) continue;
      const SourceTensor& tensor = source_.tensors[i];
      if (const std::string reason = exemption(tensor.name); !reason.empty()) {
        plan_.report_.unused.push_back(
            {tensor.name, text_of(tensor.extents), to_string(tensor.type), reason});
      } else {
        problems_.add("not used: " + tensor.name + " (" + text_of(tensor.extents) + ")");
      }
    }
  }

  std::string exemption(const std::string& name) const {
    for (const std::string& pattern : options_.allow_unused) {
      if (matches_pattern(pattern, name)) return "allowed by the caller";
    }
    for (const Exemption& e : bindings_.unused) {
      if (matches_pattern(e.pattern, name)) return e.reason;
    }
    return {};
  }

  void swap_first() {
    if (!options_.swap_channels) return;
    for (ImportPlan::Entry& entry : plan_.entries_) {
      const std::vector<NodeId>& inputs = graph_.node(entry.node).inputs;
      if (graph_.node(entry.node).layer->kind() == LayerKind::kConv && inputs[0] == 0 &&
          entry.spec.name == "weight" && entry.spec.shape.c == graph_.node(0).shape.c) {
        entry.transform.swap_channels = !entry.transform.swap_channels;
        swapped_ = true;
      }
    }
    if (!swapped_)
      problems_.add("no ungrouped convolution reads the input, so there are no channels to swap");
  }

  // A pattern that fits nothing is a slip of the pen; the nearest names help.
  void check_patterns() {
    for (const std::string& pattern : options_.allow_missing) {
      bool fits = false;
      for (const ImportPlan::Entry& e : plan_.entries_) {
        fits = fits || matches_pattern(pattern, e.target);
      }
      if (!fits && pattern.find('*') == std::string::npos) (void)graph_.find(pattern);
    }
  }

  const Source& source_;
  const Graph& graph_;
  const Bindings& bindings_;
  const ImportOptions& options_;
  Problems& problems_;
  ImportPlan& plan_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::pair<NodeId, std::size_t>, const Binding*> by_target_;
  std::vector<int> uses_;
  std::vector<bool> allowed_uses_;
  std::vector<ImportPlan::Entry> unmatched_;
  bool swapped_{false};
};

ImportPlan::ImportPlan(const Source& source,
                       const Graph& graph,
                       const Bindings& bindings,
                       const ImportOptions& options,
                       Problems& problems)
    : source_(&source) {
  report_.format = source.format;
  report_.producer = source.producer;
  report_.notes = source.notes;
  for (const std::string& file : source.files) {
    report_.source_file += (report_.source_file.empty() ? "" : " + ") +
                           std::filesystem::path(file).filename().string();
  }
  Matcher(source, graph, bindings, options, problems, *this).run();
}

namespace {

void fill_with(const std::vector<float>& values, std::span<float> to) {
  if (values.size() == to.size()) {
    std::copy(values.begin(), values.end(), to.begin());
  } else {
    std::fill(to.begin(), to.end(), values.at(0));
  }
}

}  // namespace

ImportRow ImportPlan::row_of(const Entry& entry) const {
  ImportRow row{"", "", "", "", entry.target, to_string(entry.spec.shape), 0, 0, ""};
  if (entry.source == kNone) {
    row.source = "(constant)";
    row.rule = entry.values.size() == 1 ? "all " + std::to_string(entry.values[0])
                                        : "numbers of the architecture";
    return row;
  }
  const SourceTensor& tensor = source_->tensors[entry.source];
  row.source = tensor.name;
  row.source_extents = text_of(tensor.extents);
  row.dtype = to_string(tensor.type);
  row.rule = describe(entry.transform);
  return row;
}

void ImportPlan::read(std::size_t i,
                      std::span<float> to,
                      ImportReport& report,
                      Problems& problems) const {
  const Entry& entry = entries_[i];
  if (entry.missing) {
    std::fill(to.begin(), to.end(), 0.0F);
    return;
  }
  if (entry.source == kNone) {
    fill_with(entry.values, to);
  } else if (entry.transform.identity()) {
    source_->read(entry.source, to);
  } else {
    std::vector<float> values(to.size());
    source_->read(entry.source, values);
    apply(entry.transform, source_->tensors[entry.source].extents, values, to);
  }
  add_row(row_of(entry), summarize(to), report, problems);
}

void ImportPlan::stream(std::size_t i,
                        const std::function<void(std::span<const float>)>& put,
                        BandsAhead& bands,
                        ImportReport& report,
                        Problems& problems) const {
  const Entry& entry = entries_[i];
  const auto count = static_cast<std::size_t>(entry.spec.shape.count());
  Summary summary;
  const auto pass = [&](std::span<const float> piece) {
    summary.add(piece);
    put(piece);
  };
  if (entry.missing || entry.source == kNone) {
    std::vector<float> values(entry.values.size() > 1 ? count : std::min(count, kPiece));
    if (!entry.missing) fill_with(entry.values, values);
    in_pieces(count, [&](std::size_t at, std::size_t size) {
      pass(std::span<const float>(values).subspan(entry.values.size() > 1 ? at : 0, size));
    });
  } else if (const std::optional<RowBands> rows = bands_of(entry)) {
    for (std::size_t band = 0; band < rows->count(); ++band) {
      rows->put(band, bands.next(), pass);
      bands.release();
    }
  } else if (entry.transform.identity() && has_parts(entry)) {
    std::vector<float> piece(std::min(count, kPiece));
    in_pieces(count, [&](std::size_t at, std::size_t size) {
      const std::span<float> part = std::span(piece).first(size);
      read_part(entry, static_cast<std::int64_t>(at), part);
      pass(part);
    });
  } else {
    std::vector<float> values(count);
    source_->read(entry.source, values);
    if (!entry.transform.identity()) {
      std::vector<float> result(count);
      apply(entry.transform, source_->tensors[entry.source].extents, values, result);
      values.swap(result);
    }
    in_pieces(count, [&](std::size_t at, std::size_t size) {
      pass(std::span<const float>(values).subspan(at, size));
    });
  }
  if (!entry.missing) add_row(row_of(entry), summary.finish(), report, problems);
}

std::vector<BandsAhead::Job> ImportPlan::bands() const {
  std::vector<BandsAhead::Job> jobs;
  for (const Entry& entry : entries_) {
    const std::optional<RowBands> found = bands_of(entry);
    if (!found) continue;
    const auto rows = std::make_shared<const RowBands>(*found);
    const auto read = [this, &entry](std::int64_t first, std::span<float> to) {
      read_part(entry, first, to);
    };
    for (std::size_t band = 0; band < rows->count(); ++band) {
      jobs.push_back({rows->floats(), [=](std::span<float> to) { rows->fill(band, read, to); }});
    }
  }
  return jobs;
}

std::optional<RowBands> ImportPlan::bands_of(const Entry& entry) const {
  if (entry.source == kNone || !has_parts(entry)) return std::nullopt;
  return RowBands::of(entry.transform, source_->tensors[entry.source].extents);
}

bool ImportPlan::has_parts(const Entry& entry) const {
  std::vector<float> none;
  return source_->read_part && source_->read_part(entry.source, 0, none);
}

void ImportPlan::read_part(const Entry& entry, std::int64_t first, std::span<float> to) const {
  check(source_->read_part(entry.source, first, to), "a tensor that can be read in parts at first");
}

}  // namespace cutaway::weights
