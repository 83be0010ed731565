#include "explain/training/run/each_batch.h"

#include <algorithm>

#include "explain/pictures/preprocess.h"
#include "runtime/progress.h"

namespace cutaway::training {

void each_batch(Executor& executor,
                const Shape& input,
                const weights::Preprocess& rule,
                const LabelledSet& set,
                std::span<const std::int64_t> pictures,
                const char* task,
                const explain::RunContext& context,
                const std::function<void(const BatchLoader::Batch&)>& use) {
  const std::int64_t n = input.n;
  const auto count = static_cast<std::int64_t>(pictures.size());
  BatchLoader loader(
      {input, context.settings.cpu_threads(), 3, 0, (count + n - 1) / n},
      [&](std::int64_t number) {
        const auto first = pictures.begin() + number * n;
        return std::vector<std::int64_t>(first, first + std::min(n, count - number * n));
      },
      [&](std::int64_t, std::int64_t picture, View<float> to, std::int64_t at) {
        explain::fill_input(explain::resize_and_crop(set.read(picture), rule), rule, to, at);
      });
  Progress progress(context.observer, task, count);
  for (std::int64_t done = 0; done < count; done += n) {
    throw_if_cancelled(context.observer);
    const BatchLoader::Batch& batch = loader.next();
    executor.set_input(batch.images);
    executor.forward();
    use(batch);
    progress.add(static_cast<std::int64_t>(batch.pictures.size()));
  }
}

}  // namespace cutaway::training
