#include "weights/import/binary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/error.h"

namespace cutaway::weights {

BinaryFile BinaryFile::open(const std::string& path) {
  BinaryFile file;
  file.path_ = path;
  // Not blocking: opening a pipe that nobody writes to must not wait.
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (file.descriptor_ < 0 || ::fstat(file.descriptor_, &info) != 0) {
    throw Error(ErrorKind::kInput, "not a readable file").at(path).hint(std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) throw Error(ErrorKind::kInput, "not a regular file").at(path);
  file.size_ = static_cast<std::uint64_t>(info.st_size);
  return file;
}

BinaryFile BinaryFile::over(std::string name, std::vector<std::byte> bytes) {
  BinaryFile file;
  file.path_ = std::move(name);
  file.size_ = bytes.size();
  file.bytes_ = std::move(bytes);
  return file;
}

BinaryFile::BinaryFile(BinaryFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      bytes_(std::move(other.bytes_)) {}

BinaryFile& BinaryFile::operator=(BinaryFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

BinaryFile::~BinaryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void BinaryFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  if (!holds(offset, to.size())) {
    throw Error(ErrorKind::kInput, "the file is cut short")
        .at(path_)
        .expected(std::to_string(to.size()) + " bytes at " + std::to_string(offset))
        .got(std::to_string(size_) + " bytes in all");
  }
  if (descriptor_ < 0) {
    if (!to.empty()) std::memcpy(to.data(), bytes_.data() + offset, to.size());
    return;
  }
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got =
        ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      throw Error(ErrorKind::kInput, got < 0 ? "the file cannot be read" : "the file is cut short")
          .at(path_)
          .hint(got < 0 ? std::strerror(errno) : "it shrank while it was read");
    }
    done += static_cast<std::size_t>(got);
  }
}

std::string BinaryFile::text_at(std::uint64_t offset, std::uint64_t count) const {
  if (!holds(offset, count)) read_at(offset, {static_cast<std::byte*>(nullptr), count});  // throws
  std::string text(static_cast<std::size_t>(count), '\0');
  read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace cutaway::weights
