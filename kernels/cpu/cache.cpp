#include <unistd.h>

#include "kernels/cpu/cache.h"

namespace cutaway::kernels {

std::size_t second_level_cache() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) return static_cast<std::size_t>(bytes);
#endif
  return std::size_t{512} << 10;
}

}  // namespace cutaway::kernels
