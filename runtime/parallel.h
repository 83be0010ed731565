#pragma once

#include <cstdint>
#include <functional>

namespace cutaway {

/// body(first, last) over disjoint parts of [0, count) of at least `grain` elements, on up to
/// `threads` threads. The first exception a part throws is thrown again here, after all have ended.
/// Parts must not write the same memory; then the result does not depend on the number of threads.
void parallel_for(int threads,
                  std::int64_t count,
                  std::int64_t grain,
                  const std::function<void(std::int64_t first, std::int64_t last)>& body);

}  // namespace cutaway
