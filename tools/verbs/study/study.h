#pragma once

#include "explain/study/run/study.h"
#include "tools/program/context.h"

/// The subcommands of `cutaway study`, a file each, and what they have in common.
namespace cutaway::tools {

class Command;

void add_study_occlusion(Command& group, Context& context);
void add_study_correspondence(Command& group, Context& context);
void add_study_invariance(Command& group, Context& context);

/// The model, the inputs with that help, --out, --fill, --resume, --overwrite.
void add_study_job(Command& verb, explain::StudyJob& job, const char* inputs);
/// The same for pictures, with --target and --recursive.
void add_study_pictures(Command& verb, explain::StudyJob& job);

/// Prints what was found; returns the exit code.
[[nodiscard]] int finish_study(const explain::StudySummary& summary, const Context& context);

}  // namespace cutaway::tools
