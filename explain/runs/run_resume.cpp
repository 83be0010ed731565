#include "explain/runs/run_resume.h"

#include "explain/runs/named_record.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "weights/sha256.h"

namespace cutaway::explain {
namespace {

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

Record run_identity(const RunParts& parts,
                    const weights::Package& package,
                    const RunContext& context) {
  Record identity{{"format", 1},
                  {"version", CUTAWAY_VERSION},
                  {"weights", weights::weights_hash(package.model)},
                  {"labels", labels_digest(package)},
                  {"preprocessing", preprocessing_text(package)},
                  {"inputs", parts.inputs},
                  {"recursive", parts.source.recursive}};
  Record methods = Record::object();
  for (const MethodChoice& choice : parts.methods)
    methods[choice.name] = record_of(named_values(choice.options));
  identity["methods"] = std::move(methods);
  if (parts.targets != nullptr) identity["targets"] = *parts.targets;
  identity["layers"] = parts.layers;
  if (parts.crops) {
    for (const NamedValue& field : parts.crops->fields())
      identity["crops"][field.name] = to_text(field.value);
  }
  identity["seed"] = context.settings.seed;
  identity["device"] = to_string(device_of(context.settings.stream()));
  identity["engine"] = context.settings.engine;
  identity["precision"] = context.settings.precision;
  return identity;
}

Record as_read_back(const Record& record) {
  return Record::parse(record.dump(-1, ' ', false, Record::error_handler_t::replace));
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

}  // namespace cutaway::explain
