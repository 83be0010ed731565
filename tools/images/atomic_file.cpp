#include "tools/images/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/error.h"

namespace cutaway::tools {
namespace {

std::string reason(int code) { return std::generic_category().message(code); }

// "<name>.tmp-<digits>-<digits>": what write_file_atomically calls a file before it is whole.
bool is_temporary(std::string_view name) {
  const std::size_t mark = name.rfind(".tmp-");
  if (mark == std::string_view::npos || mark == 0) return false;
  const std::string_view numbers = name.substr(mark + 5);
  const std::size_t dash = numbers.find('-');
  const auto digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && digits(numbers.substr(0, dash)) &&
         digits(numbers.substr(dash + 1));
}

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
  // Errors of the last write may only show here.
  [[nodiscard]] int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

/// Removes the file unless it was renamed away.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  void release() { path_.clear(); }

 private:
  std::string path_;
};

[[noreturn]] void fail(const std::string& path, int code) {
  const bool callers = code == ENOENT || code == ENOTDIR || code == EACCES || code == EPERM ||
                       code == EROFS || code == EISDIR || code == ENAMETOOLONG;
  Error error = Error(callers ? ErrorKind::kUsage : ErrorKind::kInternal, "cannot write the file")
                    .at(path)
                    .got(reason(code));
  if (code == ENOENT) throw std::move(error).hint("does the folder exist?");
  throw error;
}

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
}

void write_all(int fd, std::span<const std::uint8_t> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

// Makes the rename itself durable. Some file systems refuse to sync folders; that is no failure.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const Descriptor folder(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
}

}  // namespace

void write_file_atomically(const std::string& path,
                           std::span<const std::uint8_t> bytes,
                           Durability durability) {
  const bool sync = durability == Durability::kSync;
  const std::string name = temporary_name(path);
  Descriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) fail(path, errno);
  Temporary temporary(name);
  write_all(file.get(), bytes, path);
  if (sync && ::fsync(file.get()) != 0 && errno != EINVAL) fail(path, errno);
  if (file.close() != 0) fail(path, errno);
  if (::rename(name.c_str(), path.c_str()) != 0) fail(path, errno);
  temporary.release();
  if (sync) sync_folder_of(path);
}

void write_file_atomically(const std::string& path, std::string_view text, Durability durability) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
  write_file_atomically(path, std::span<const std::uint8_t>(data, text.size()), durability);
}

void remove_abandoned_files(const std::string& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> abandoned;
  std::filesystem::recursive_directory_iterator at(folder, ignored);
  for (; !ignored && at != std::filesystem::recursive_directory_iterator(); at.increment(ignored)) {
    const bool file = at->symlink_status(ignored).type() == std::filesystem::file_type::regular;
    if (file && is_temporary(at->path().filename().string())) abandoned.push_back(at->path());
  }
  for (const auto& path : abandoned) std::filesystem::remove(path, ignored);
}

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

}  // namespace cutaway::tools
