#include "runtime/files/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t limit) {
  const auto refuse = [&path](const std::string& what) -> Error {
    return Error(ErrorKind::kInput, what).at(path);
  };
  // O_NONBLOCK: opening a pipe nobody writes to must not hang.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) throw refuse("cannot open the file").got(reason(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw refuse("cannot read the file").got(reason(errno));
  if (S_ISDIR(info.st_mode)) throw refuse("a folder where a file was expected");
  if (!S_ISREG(info.st_mode)) throw refuse("not a regular file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > limit) {
    throw refuse("the file is too large")
        .expected("at most " + std::to_string(limit) + " bytes")
        .got(std::to_string(size));
  }
  std::vector<std::uint8_t> bytes(size);
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw refuse("cannot read the file").got(reason(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace cutaway::files
