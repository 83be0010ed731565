#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <system_error>

#include "explain/pictures/picture_memory.h"
#include "layers/graph.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "tools/program/context.h"
#include "tools/program/standard_streams.h"
#include "tools/verbs/verbs.h"
#include "weights/hdf5_file.h"

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
  app.add_option(
         "--memory", c.memory,
         "bytes for pictures, activations and samples beside the net, e.g. 2GB; default: half "
         "of the machine's")
      .as_bytes();
  app.add_flag("--json", c.json, "results as one JSON object");
  app.add_flag("-q,--quiet", c.quiet, "no progress, no messages but warnings");
  app.add_flag("-v,--verbose", c.verbose, "say more (plan, engines and why others declined)");
}

int fail(const std::string& message, int code) {
  std::fprintf(stderr, "cutaway: error: %s\n", harmless(message, true).c_str());
  return code;
}

/// What is left to say when the verb is done: results that could not be printed make any run a
/// failure, with nothing said where the reader has gone (`| head`).
int checked(StandardStreams& streams, int code) {
  const int failure = streams.finish();
  if (failure == 0) return code;
  if (failure == EPIPE) return kExitFailure;
  return fail("the results cannot be written to standard output: " +
                  std::generic_category().message(failure),
              kExitFailure);
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

/// The first option that neither the verb nor the program knows; "" where there is none.
std::string unknown_option(const Command& app, const std::vector<std::string>& arguments) {
  std::vector<const Command*> chain{&app};
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) {
      for (const auto& verb : chain.back()->subcommands()) {
        if (verb->name() != argument) continue;
        chain.push_back(verb.get());
        break;
      }
      continue;
    }
    const std::string name = argument.substr(0, argument.find('='));
    if (std::any_of(chain.begin(), chain.end(),
                    [&](const Command* at) { return at->has_option(name); })) {
      continue;
    }
    std::string text = "unknown option " + name + "; hint: did you mean";
    for (const std::string& near : nearest_names(name, chain.back()->option_names()))
      text += " " + near;
    return text;
  }
  return {};
}

/// "help explain" as "explain --help".
std::vector<std::string> as_options(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
  return arguments;
}

int parse_and_run(const std::vector<std::string>& arguments, Context& context) {
  Command app("cutaway",
              "Cutaway: convolutional networks with interpretability built into the engine");
  app.require_subcommand();
  app.set_version_flag("--version", version_text());
  add_verbs(app, context);
  for (const auto& verb : app.subcommands()) {
    add_common(*verb, context.common);
    verb->set_version_flag("--version", version_text());
    for (const auto& inner : verb->subcommands()) inner->fallthrough();
  }
  const Command::Outcome outcome = app.parse(as_options(arguments));
  if (!outcome.text.empty()) {
    std::printf("%s", outcome.text.c_str());
    return kExitOk;
  }
  if (!outcome.error.empty()) {
    if (arguments.empty()) std::fputs(app.help().c_str(), stderr);
    if (const std::string unknown = unknown_option(app, arguments); !unknown.empty())
      return fail(unknown + "; cutaway " + arguments.front() + " --help", kExitUsage);
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
  explain::PictureMemory::of_process().narrow(
      static_cast<std::int64_t>(context.common.share_of_memory()));
  const int threads = CpuStream(context.common.threads).threads();
  if (threads < context.common.threads) {
    context.warn("the system lets this process start " + std::to_string(threads) + " of " +
                 std::to_string(context.common.threads) + " threads (ulimit -u)");
  }
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
  StandardStreams streams;
  weights::Hdf5File::leave_out_exit_handler();
  Context context;
  context.argv = arguments;
  try {
    return checked(streams, parse_and_run(arguments, context));
  } catch (const Cancelled&) {
    if (streams.finish() == EPIPE) return kExitFailure;
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
