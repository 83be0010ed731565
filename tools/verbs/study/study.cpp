#include "tools/verbs/study/study.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/program/command.h"
#include "tools/program/output.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

void add_study_job(Command& verb, explain::StudyJob& job, const char* inputs) {
  verb.add_option("model", job.model_path, "a Cutaway package").required();
  verb.add_option("inputs", job.inputs, inputs).required();
  verb.add_option("--out", job.out, "folder for the results").required();
  verb.add_option("--fill", job.fill, "mean (the net's mean colour), grey (127.5 of 255)")
      .check(one_of({"mean", "grey"}))
      .capture_default_str();
  verb.add_flag("--resume", job.resume, "go on where the same run was stopped");
  verb.add_flag("--overwrite", job.overwrite, "write into the folder of a finished run");
}

void add_study_pictures(Command& verb, explain::StudyJob& job) {
  add_study_job(verb, job, "pictures, folders, lists (.csv, .txt), .tar, .tar.gz, HDF5");
  verb.add_option("--target", job.target,
                  "class that is watched: label, top1, a number or name (default: label where "
                  "known, else top1)");
  verb.add_flag("--recursive", job.source.recursive, "look into sub-folders");
}

int finish_study(const explain::StudySummary& s, const Context& context) {
  if (s.complete_before) {
    print_complete(s.report, s.manifest, context);
  } else if (context.common.json) {
    print_json({{"images", s.images},
                {"failed", s.failed},
                {"report", s.report},
                {"manifest", s.manifest}});
  } else {
    for (const std::string& line : s.lines) std::printf("%s\n", line.c_str());
    print_failed(s.failed);
    std::printf("%s\n", s.report.c_str());
  }
  return s.failed == 0 ? kExitOk : kExitPartial;
}

void add_study(Command& program, Context& context) {
  Command& verb = program.add_subcommand(
      "study", "Zeiler & Fergus' experiments: occlusion, correspondence, invariance");
  verb.require_subcommand();
  add_study_occlusion(verb, context);
  add_study_correspondence(verb, context);
  add_study_invariance(verb, context);
}

}  // namespace cutaway::tools
