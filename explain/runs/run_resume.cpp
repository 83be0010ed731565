#include "explain/runs/run_resume.h"

#include "explain/runs/run_outputs.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

Record json_of(const Attributes& options) {
  Record out = Record::object();
  for (const auto& [name, value] : options.values()) {
    std::visit([&, &key = name](const auto& v) { out[key] = v; }, value);
  }
  return out;
}

std::string labels_digest(const weights::Package& package) {
  std::string all;
  for (const std::string& label : package.labels) all += label + "\n";
  return weights::sha256(all).substr(0, 16);
}

std::string preprocessing_text(const weights::Package& package) {
  std::string text;
  for (const NamedValue& field : fields_of(package.preprocess)) {
    text += (text.empty() ? "" : ", ") + field.name + " " + to_text(field.value);
  }
  return text;
}

}  // namespace

Record run_identity(const ExplainJob& job,
                    const weights::Package& package,
                    const std::vector<Explainers::Layer>& layers,
                    const RunContext& context) {
  Record identity{{"format", 1},
                  {"version", CUTAWAY_VERSION},
                  {"weights", weights::weights_hash(package.model)},
                  {"labels", labels_digest(package)},
                  {"preprocessing", preprocessing_text(package)},
                  {"inputs", job.inputs},
                  {"recursive", job.source.recursive}};
  Record methods = Record::object();
  for (const MethodChoice& choice : job.methods) methods[choice.name] = json_of(choice.options);
  identity["methods"] = std::move(methods);
  identity["targets"] = job.targets;
  identity["layers"] = Record::array();
  for (const auto& layer : layers) identity["layers"].push_back(layer.name);
  if (job.crops) {
    for (const NamedValue& field : job.crops->fields())
      identity["crops"][field.name] = to_text(field.value);
  }
  identity["seed"] = context.settings.seed;
  identity["device"] = to_string(device_of(context.settings.stream()));
  identity["engine"] = context.settings.engine;
  identity["precision"] = context.settings.precision;
  identity["outputs"] = {{"raw", job.raw},
                         {"pictures", job.pictures},
                         {"pack", job.pack},
                         {"report_rows", job.report ? job.report_rows : 0},
                         {"shared_scale", job.shared_scale},
                         {"colormap", to_string(job.paint.colormap)},
                         {"heat", job.paint.heat_weight}};
  // As it will be read back: numbers may change their type on the way.
  return Record::parse(identity.dump(-1, ' ', false, Record::error_handler_t::replace));
}

ImageEntry follow(const Record& line, ImageSource& source, bool content) {
  ImageEntry entry;
  const std::string known = line.value("name", "");
  const bool there = source.next(entry, content);
  if (!there || valid_utf8(entry.name) != known) {
    throw Error(ErrorKind::kUsage, "the inputs are not those of the run that was stopped")
        .at("image " + std::to_string(line.value("image", std::int64_t{-1})))
        .expected(known)
        .got(there ? entry.name : "nothing")
        .hint("give the same inputs in the same order, or another --out");
  }
  return entry;
}

void check_same_run(const JournalReader& reader, const Record& identity, const std::string& out) {
  const std::string differing = differences(reader.run(), identity);
  if (differing.empty()) return;
  throw Error(ErrorKind::kUsage, "the folder holds another run")
      .at(out)
      .got(differing)
      .hint("choose another --out, or --overwrite without --resume");
}

void Tally::add(const Record& line) {
  if (line.contains("error")) {
    ++failed;
    if (failures.size() < kMostFailures)
      failures.emplace_back(line.value("name", ""), line["error"].get<std::string>());
    return;
  }
  ++images;
  if (line.contains("correct") && line["correct"].is_boolean()) {
    ++labelled;
    correct += line["correct"].get<bool>() ? 1 : 0;
  }
  if (!line.contains("maps")) return;
  for (const Record& map : line["maps"]) maps += map.contains("missing") ? 0 : 1;
}

namespace {

Journal read_journal(const std::string& path,
                     const ExplainJob& job,
                     const Record& identity,
                     ImageSource& source,
                     OutputNames& names,
                     MethodRecords& records,
                     Tally& tally,
                     const RunContext& context) {
  JournalReader reader(path);
  check_same_run(reader, identity, job.out);
  files::remove_abandoned_files(job.out);
  std::uint64_t whole = reader.offset();
  while (const auto line = reader.next()) {
    throw_if_cancelled(context.observer);
    if (line->contains("options")) {
      records.restore(*line);
    } else {
      const std::int64_t due = tally.images + tally.failed;
      if (line->value("image", std::int64_t{-1}) != due) break;
      if (!RunOutputs::files_are_there(*line, job.out)) {
        context.observer.warn("a map of image " + std::to_string(due) +
                              " is missing or cut short; going on from there");
        break;
      }
      (void)names.stem(due, follow(*line, source, false).name);
      tally.add(*line);
      for (const Record& map : line->value("maps", Record::array())) {
        if (map.contains("varies"))
          records.restore(map.value("method", ""), map.value("layer", ""), map["varies"]);
      }
    }
    whole = reader.offset();
  }
  return Journal::reopen(path, whole);
}

}  // namespace

Journal resume_run(const ExplainJob& job,
                   const Record& identity,
                   ImageSource& source,
                   OutputNames& names,
                   MethodRecords& records,
                   Tally& tally,
                   const RunContext& context) {
  const std::string path = job.out + "/index.jsonl";
  try {
    return read_journal(path, job, identity, source, names, records, tally, context);
  } catch (const Record::exception&) {
    throw Error(ErrorKind::kInput, "a line that no run of explain wrote")
        .at(path)
        .hint("begin anew with --overwrite");
  }
}

}  // namespace cutaway::explain
