#include "runtime/files/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "runtime/error.h"

namespace cutaway::files {
namespace {

std::string reason(int code) { return std::generic_category().message(code); }

/// Closes its descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error refusal(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kInput, what).at(path);
}

/// Opens a regular file; `size` is its size.
int open_regular(const std::string& path, std::uint64_t& size) {
  // O_NONBLOCK: opening a pipe nobody writes to must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw refusal(path, "cannot open the file").got(reason(errno));
  struct stat info {};
  const int code = ::fstat(fd, &info) != 0 ? errno : 0;
  if (code == 0 && S_ISREG(info.st_mode)) {
    size = static_cast<std::uint64_t>(info.st_size);
    return fd;
  }
  ::close(fd);
  if (code != 0) throw refusal(path, "cannot read the file").got(reason(code));
  if (S_ISDIR(info.st_mode)) throw refusal(path, "a folder where a file was expected");
  throw refusal(path, "not a regular file");
}

std::vector<std::uint8_t> read_bytes(const std::string& path, int fd, std::uint64_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw refusal(path, "cannot read the file").got(reason(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t limit) {
  std::uint64_t size = 0;
  const Descriptor file(open_regular(path, size));
  if (size > limit) {
    throw refusal(path, "the file is too large")
        .expected("at most " + std::to_string(limit) + " bytes")
        .got(std::to_string(size));
  }
  return read_bytes(path, file.get(), size);
}

std::vector<std::uint8_t> read_head(const std::string& path, std::size_t most) {
  std::uint64_t size = 0;
  const Descriptor file(open_regular(path, size));
  return read_bytes(path, file.get(), std::min<std::uint64_t>(size, most));
}

}  // namespace cutaway::files
