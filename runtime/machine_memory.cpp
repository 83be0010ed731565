#include "runtime/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace cutaway {
namespace {

/// A number alone in a file; 0 where there is none ("max").
std::uint64_t number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : 0;
}

}  // namespace

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  std::uint64_t most = pages > 0 && size > 0
                           ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size)
                           : 0;
  // Version 2 of control groups, then 1, as a container sees its own.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const std::uint64_t limit = number_in(path);
    if (limit > 0) most = most > 0 ? std::min(most, limit) : limit;
  }
  return most;
}

}  // namespace cutaway
