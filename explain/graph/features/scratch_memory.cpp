#include "explain/graph/features/scratch_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "runtime/error.h"

namespace cutaway::explain {

std::shared_ptr<std::byte> scratch_memory(const std::string& folder, std::size_t bytes) {
  const std::string base =
      folder.empty() ? std::filesystem::temp_directory_path().string() : folder;
  const auto failed = [&](int reason) {
    return Error(ErrorKind::kInput, "no scratch file of " + std::to_string(bytes >> 20U) +
                                        " MiB: " + std::strerror(reason))
        .at(base)
        .hint("choose another --scratch, or more --memory");
  };
  const std::string pattern = base + "/cutaway-XXXXXX";
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) throw failed(errno);
  ::unlink(name.data());
  // Reserved now: writing into a mapped file without room kills the program.
  const int reserved = ::posix_fallocate(file, 0, static_cast<off_t>(bytes));
  void* memory = reserved == 0 ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                               : MAP_FAILED;
  const int reason = reserved != 0 ? reserved : errno;
  ::close(file);
  if (memory == MAP_FAILED) throw failed(reason);
  return {static_cast<std::byte*>(memory), [bytes](std::byte* p) { ::munmap(p, bytes); }};
}

}  // namespace cutaway::explain
