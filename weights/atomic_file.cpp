#include "weights/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr int kMostAttempts = 1000;

Error failed(const std::string& path, const char* what) {
  return Error(ErrorKind::kInput, what).at(path).hint(std::strerror(errno));
}

/// A file descriptor.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

void to_disk(const std::string& path, int flags) {
  const Descriptor file(path, flags);
  if (file.get() < 0) throw failed(path, "cannot be opened");
  // Some file systems cannot sync directories and say EINVAL; the rename is as safe as it gets
  // there.
  if (::fsync(file.get()) != 0 && errno != EINVAL) throw failed(path, "cannot be written to disk");
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  const std::string stem = path_ + "." + std::to_string(::getpid()) + ".";
  for (int i = 0; i < kMostAttempts; ++i) {
    temporary_ = stem + std::to_string(i) + ".tmp";
    const Descriptor file(temporary_, O_WRONLY | O_CREAT | O_EXCL);
    if (file.get() >= 0) return;
    if (errno != EEXIST) break;
  }
  throw failed(path_, "the file cannot be created");
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write_at(std::size_t offset, std::span<const std::byte> bytes) {
  const Descriptor file(temporary_, O_WRONLY);
  if (file.get() < 0) throw failed(path_, "the file cannot be written");
  for (std::size_t done = 0; done < bytes.size();) {  // a system writes at most 2 GB at a time
    const ssize_t written = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                                     static_cast<off_t>(offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw failed(path_, "the file cannot be written");
    done += static_cast<std::size_t>(written);
  }
#if defined(__linux__)
  // Only a hint: what goes wrong on the way to the disk is told by flush() and commit().
  (void)::sync_file_range(file.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                          SYNC_FILE_RANGE_WRITE);
#endif
}

void AtomicFile::flush() { to_disk(temporary_, O_RDONLY); }

void AtomicFile::commit() {
  to_disk(temporary_, O_RDONLY);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw failed(path_, "cannot be renamed to");
  temporary_.clear();
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  to_disk(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace cutaway::weights
