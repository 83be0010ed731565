#include "explain/visualize/run/choose_settings.h"

#include <algorithm>

#include "explain/runs/option_value.h"
#include "runtime/error.h"

namespace cutaway::explain {

void choose_settings(const AscentChoice& choice, std::uint64_t seed, VisualizeJob& job) {
  std::string mode = choice.mode;
  if (mode.empty()) mode = job.dream ? "dream" : job.invert.empty() ? "lucid" : "penalized";
  const AscentMode how = parse_mode(mode);
  if ((how == AscentMode::kDream) != job.dream) {
    throw Error(ErrorKind::kUsage, "mode dream and --dream belong together");
  }
  Attributes options;
  if (how == AscentMode::kPenalized) {
    // Found with GoogLeNet: the loss of an inversion is at most 1, a class score some hundreds.
    options =
        job.invert.empty()
            ? Attributes{{"variation_weight", 30.0}, {"jitter", std::int64_t{8}}}
            : Attributes{{"objective_weight", 300.0}, {"rate", 12.0}, {"variation_weight", 30.0}};
  }
  for (const std::string& text : choice.options) {
    auto [name, value] = parse_assignment(text, "--option");
    options.set(name, std::move(value));
  }
  job.settings = read_settings(how, choice.steps, options);
  job.settings.set_seed(seed);
  if (job.gif && job.frame_every == 0 && job.zoom_frames == 0) {
    job.frame_every = std::max<std::int64_t>(1, job.settings.steps() / 50);
  }
}

}  // namespace cutaway::explain
