#include "explain/runs/batch.h"

#include <optional>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_seen.h"
#include "explain/runs/crops.h"
#include "runtime/error.h"

namespace cutaway::explain {

Batch load_batch(std::span<const ImageEntry> list,
                 std::size_t first,
                 std::size_t count,
                 const weights::Preprocess& rule,
                 const Shape& shape,
                 int threads,
                 const TenCrops* crops) {
  const std::int64_t height = crops != nullptr ? crops->plan.frame : shape.h;
  const std::int64_t width = crops != nullptr ? crops->plan.frame : shape.w;
  std::vector<Image> pictures(count);
  std::vector<std::optional<std::string>> errors(count);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      Image seen = read_seen(list[first + i], crops != nullptr ? crops->frame : rule);
      if (seen.width != width || seen.height != height) {
        throw Error(ErrorKind::kShape, "picture after preprocessing")
            .at(list[first + i].name)
            .expected(std::to_string(width) + "x" + std::to_string(height))
            .got(std::to_string(seen.width) + "x" + std::to_string(seen.height))
            .hint("convert the model with a resize rule, or resize the picture");
      }
      pictures[i] = std::move(seen);
    } catch (const std::exception& error) {
      errors[i] = error.what();
    }
  }
  Batch batch;
  Shape rows = shape;
  if (crops != nullptr) rows.n *= kTenCrops;
  batch.input = zeros(rows);
  for (std::size_t i = 0; i < count; ++i) {
    if (errors[i]) {
      batch.failures.push_back({first + i, *errors[i]});
      continue;
    }
    const auto row = static_cast<std::int64_t>(batch.entries.size());
    if (crops != nullptr) {
      fill_crops(pictures[i], *crops, batch.input.ref().out(), row);
    } else {
      fill_input(pictures[i], rule, batch.input.ref().out(), row);
    }
    batch.entries.push_back(first + i);
    batch.seen.push_back(std::move(pictures[i]));
  }
  return batch;
}

}  // namespace cutaway::explain
