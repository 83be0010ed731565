#include "explain/training/run/prepare.h"

#include "runtime/error.h"

namespace cutaway::training {

std::vector<std::pair<std::string, std::string>> leave_out_unreadable(
    LabelledSet& set, const Survey& survey, const explain::RunContext& context) {
  std::vector<std::pair<std::string, std::string>> left;
  for (const Survey::Unreadable& u : survey.unreadable) {
    left.emplace_back(set.pictures[static_cast<std::size_t>(u.picture)].name, u.why);
    context.observer.warn("left out: " + u.why);
  }
  leave_out(set, survey.unreadable);
  if (set.pictures.empty()) {
    throw Error(ErrorKind::kInput, "no picture can be read")
        .hint(left.empty() ? "the data is empty" : left.front().second);
  }
  return left;
}

TrainJob prepare_training(const NetRequest& net,
                          LabelledSet set,
                          const Recipe& recipe,
                          const explain::RunContext& context) {
  Survey found = survey(set, context.settings.cpu_threads(), context.observer);
  TrainJob job(start_net(net, set, found, recipe.initial, recipe.seed));
  job.net = net.net;
  job.recipe = recipe;
  job.unreadable = leave_out_unreadable(set, found, context);
  job.set = std::move(set);
  job.survey = std::move(found);
  return job;
}

}  // namespace cutaway::training
