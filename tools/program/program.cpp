#include <algorithm>
#include <cstdio>
#include <new>

#include "layers/graph.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "tools/program/context.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {
namespace {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kInput:
    case ErrorKind::kShape:
    case ErrorKind::kUnsupported:
      return kExitInput;
    case ErrorKind::kMismatch:
      return kExitMismatch;
    default:
      return kExitFailure;
  }
}

void add_common(Command& app, CommonOptions& c) {
  app.add_option("--device", c.device, "auto, cpu, cuda or cuda:N").capture_default_str();
  app.add_option("--precision", c.precision, "fp32: exact single precision")
      .check(one_of({"fp32"}))
      .capture_default_str();
  app.add_option("--threads", c.threads, "CPU threads; 0 takes all").check(range(0, 4096));
  app.add_option("--seed", c.seed, "seed of all random numbers").capture_default_str();
  app.add_option("--engine", c.engine, "force engines, e.g. conv:reference,cpu:baseline");
  app.add_flag("--json", c.json, "results as one JSON object");
  app.add_flag("-q,--quiet", c.quiet, "no progress, no messages but warnings");
  app.add_flag("-v,--verbose", c.verbose, "say more (plan, engines and why others declined)");
}

int fail(const std::string& message, int code) {
  std::fprintf(stderr, "cutaway: error: %s\n", message.c_str());
  return code;
}

/// The command line's error names what is unknown; adds what the user may have meant.
std::string suggestion(const Command& app, const std::string& wrong) {
  std::vector<std::string> verbs;
  for (const auto& verb : app.subcommands()) verbs.push_back(verb->name());
  if (wrong.empty()) {
    std::string text = "; hint: verbs are";
    for (const std::string& verb : verbs) text += " " + verb;
    return text;
  }
  std::string text = "; hint: did you mean";
  for (const std::string& near : nearest_names(wrong, verbs)) text += " '" + near + "'";
  return text;
}

int parse_and_run(const std::vector<std::string>& arguments, Context& context) {
  Command app("cutaway",
              "Cutaway: convolutional networks with interpretability built into the engine");
  app.require_subcommand();
  app.set_version_flag("--version", version_text());
  add_verbs(app, context);
  for (const auto& verb : app.subcommands()) {
    add_common(*verb, context.common);
    for (const auto& inner : verb->subcommands()) inner->fallthrough();
  }
  const Command::Outcome outcome = app.parse(arguments);
  if (outcome.shown) return kExitOk;
  if (!outcome.error.empty()) {
    const bool chosen = std::any_of(app.subcommands().begin(), app.subcommands().end(),
                                    [](const auto& verb) { return verb->parsed(); });
    return fail(outcome.error + (chosen ? "; hint: cutaway " + arguments.front() + " --help"
                                        : suggestion(app, arguments.empty() ? std::string()
                                                                            : arguments.front())),
                kExitUsage);
  }
  const kernels::EngineOptions engines = context.engines();
  if (!engines.forced("cpu").empty()) limit_cpu_level(engines.cpu_level());
  context.options_are_read();
  return context.action ? context.action() : kExitUsage;
}

}  // namespace

std::string version_text() { return std::string("cutaway ") + CUTAWAY_VERSION; }

explain::RunContext Context::run() const {
  explain::Origin origin{{"cutaway"}};
  origin.argv.insert(origin.argv.end(), argv.begin(), argv.end());
  return explain::RunContext(common, console_, std::move(origin));
}

void Context::options_are_read() { console_.set(common.quiet, common.verbose > 0); }

int run_program(const std::vector<std::string>& arguments) {
  Console::listen_for_signals();
  Context context;
  context.argv = arguments;
  try {
    return parse_and_run(arguments, context);
  } catch (const Cancelled&) {
    return fail("interrupted; what was finished is kept", kExitInterrupted);
  } catch (const Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory; hint: use a smaller --batch", kExitFailure);
  } catch (const std::exception& error) {
    return fail(std::string("unexpected: ") + error.what(), kExitFailure);
  }
}

}  // namespace cutaway::tools
