#include "weights/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr int kMostAttempts = 1000;
// Fewer at a time cost more calls than they save waiting, more leave the disk idle at first.
constexpr std::uint64_t kHintBytes = std::uint64_t{8} << 20;

Error failed(const std::string& path, const char* what) {
  return Error(ErrorKind::kInput, what).at(path).hint(std::strerror(errno));
}

void to_disk(const std::string& path, int descriptor) {
  // Some file systems cannot sync directories and say EINVAL; the rename is as safe as it gets
  // there.
  if (::fsync(descriptor) != 0 && errno != EINVAL) throw failed(path, "cannot be written to disk");
}

void directory_to_disk(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) throw failed(path, "cannot be opened");
  try {
    to_disk(path, directory);
  } catch (...) {
    ::close(directory);
    throw;
  }
  ::close(directory);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  const std::string stem = path_ + "." + std::to_string(::getpid()) + ".";
  for (int i = 0; i < kMostAttempts; ++i) {
    temporary_ = stem + std::to_string(i) + ".tmp";
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) return;
    if (errno != EEXIST) break;
  }
  throw failed(path_, "the file cannot be created");
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {  // a system writes at most 2 GB at a time
    const ssize_t count = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw failed(path_, "the file cannot be written");
    done += static_cast<std::size_t>(count);
  }
  if (offset != written_) begun_ = offset;
  written_ = offset + bytes.size();
#if defined(__linux__)
  // Only a hint: what goes wrong on the way to the disk is told by commit().
  if (written_ - begun_ < kHintBytes) return;
  (void)::sync_file_range(descriptor_, static_cast<off_t>(begun_),
                          static_cast<off_t>(written_ - begun_), SYNC_FILE_RANGE_WRITE);
  begun_ = written_;
#endif
}

void AtomicFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  for (std::size_t done = 0; done < to.size();) {
    const ssize_t count =
        ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw failed(path_, "the file cannot be read back");
    done += static_cast<std::size_t>(count);
  }
}

std::uint64_t AtomicFile::size() const {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) throw failed(path_, "the file cannot be read back");
  return static_cast<std::uint64_t>(info.st_size);
}

void AtomicFile::commit() {
  to_disk(path_, descriptor_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw failed(path_, "cannot be renamed to");
  temporary_.clear();
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  directory_to_disk(parent.empty() ? "." : parent.string());
}

}  // namespace cutaway::weights
