#include "runtime/parallel.h"

#include <algorithm>
#include <exception>

namespace cutaway {

void parallel_for(int threads,
                  std::int64_t count,
                  std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  const std::int64_t most = (count + grain - 1) / std::max<std::int64_t>(1, grain);
  const auto parts = std::clamp<std::int64_t>(most, 1, std::max(1, threads));
  if (parts == 1) {
    body(0, count);
    return;
  }
  std::exception_ptr failure;
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static, 1)
  for (std::int64_t p = 0; p < parts; ++p) {
    try {
      body(count * p / parts, count * (p + 1) / parts);
    } catch (...) {
#pragma omp critical(cutaway_parallel_for)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cutaway
