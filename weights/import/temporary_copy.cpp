#include "weights/import/temporary_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;

Error failure(const std::string& path) {
  return Error(ErrorKind::kInternal,
               std::string("cannot write a temporary file: ") + std::strerror(errno))
      .at(path);
}

}  // namespace

TemporaryCopy::TemporaryCopy(const BinaryFile& file, std::uint64_t offset, std::uint64_t bytes) {
  if (!file.holds(offset, bytes))
    throw Error(ErrorKind::kInput, "a part outside the file").at(file.path());
  path_ = (std::filesystem::temp_directory_path() / "cutaway-XXXXXX").string();
  const int descriptor = ::mkostemp(path_.data(), O_CLOEXEC);
  if (descriptor < 0) throw failure(path_);
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min(kPiece, bytes)));
  try {
    for (std::uint64_t done = 0; done < bytes;) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes - done));
      file.read_at(offset + done, std::span(piece).first(count));
      for (std::size_t written = 0; written < count;) {
        const ssize_t n = ::write(descriptor, piece.data() + written, count - written);
        if (n < 0 && errno != EINTR) throw failure(path_);
        if (n > 0) written += static_cast<std::size_t>(n);
      }
      done += count;
    }
  } catch (...) {
    ::close(descriptor);
    ::unlink(path_.c_str());
    throw;
  }
  ::close(descriptor);
}

TemporaryCopy::~TemporaryCopy() { ::unlink(path_.c_str()); }

}  // namespace cutaway::weights
