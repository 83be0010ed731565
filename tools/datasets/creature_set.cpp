#include "tools/datasets/creature_set.h"

#include <algorithm>
#include <vector>

#include "explain/training/data/stores.h"
#include "runtime/parallel.h"
#include "runtime/progress.h"
#include "tools/creatures/creatures.h"

namespace cutaway::tools {

training::LabelledSet creature_set(
    std::int64_t count, int size, std::uint64_t seed, int threads, Observer& observer) {
  constexpr std::int64_t kBlock = 256;
  creatures::Options options;
  options.size = size;
  options.seed = seed;
  training::LabelledSet set;
  set.classes = creatures::class_names();
  auto store = std::make_shared<training::RecordStore>();
  const auto file = training::ByteFile::temporary("creatures");
  const std::uint32_t number = store->add_file(file);
  Progress progress(observer, "render", count);
  for (std::int64_t first = 0; first < count; first += kBlock) {
    throw_if_cancelled(observer);
    const std::int64_t now = std::min(kBlock, count - first);
    std::vector<creatures::Creature> block(static_cast<std::size_t>(now));
    parallel_for(threads, now, 8, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i)
        block[static_cast<std::size_t>(i)] =
            creatures::render(options, static_cast<std::uint64_t>(first + i));
    });
    for (std::int64_t i = 0; i < now; ++i) {
      const creatures::Creature& c = block[static_cast<std::size_t>(i)];
      training::LabelledPicture p;
      p.name = "creature/" + std::to_string(first + i);
      p.label = static_cast<std::int32_t>(c.label);
      p.place = store->add({file->append(c.rgb), c.rgb.size(), c.size, c.size,
                            training::RecordStore::Coding::kRgb, number});
      set.pictures.push_back(std::move(p));
    }
    progress.add(now);
  }
  set.store = std::move(store);
  return set;
}

}  // namespace cutaway::tools
