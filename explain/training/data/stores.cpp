#include "explain/training/data/stores.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "explain/pictures/read_image.h"
#include "runtime/error.h"

namespace cutaway::training {

using explain::Image;

std::int64_t FileStore::add(std::string path) {
  paths_.push_back(std::move(path));
  return static_cast<std::int64_t>(paths_.size()) - 1;
}

Image FileStore::read(std::int64_t place) const {
  return explain::read_image(paths_[static_cast<std::size_t>(place)]);
}

std::shared_ptr<ByteFile> ByteFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw Error(ErrorKind::kInput, "cannot open the file").at(path).got(std::strerror(errno));
  }
  return std::shared_ptr<ByteFile>(new ByteFile(descriptor, path));
}

std::shared_ptr<ByteFile> ByteFile::temporary(std::string of) {
  std::error_code code;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(code);
  std::string path = (folder / "cutaway_pictures_XXXXXX").string();
  const int descriptor = code ? -1 : ::mkstemp(path.data());
  if (descriptor < 0) {
    throw Error(ErrorKind::kInternal, "no temporary file for the unpacked pictures")
        .at(folder.string())
        .got(code ? code.message() : std::strerror(errno));
  }
  ::unlink(path.c_str());
  return std::shared_ptr<ByteFile>(new ByteFile(descriptor, std::move(of)));
}

ByteFile::~ByteFile() { ::close(descriptor_); }

std::uint64_t ByteFile::size() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

void ByteFile::read(std::uint64_t offset, std::span<std::uint8_t> to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t n =
        ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      throw Error(ErrorKind::kInput, n == 0 ? "the file ends too early" : "cannot read")
          .at(name_)
          .got(n == 0 ? std::to_string(size()) + " bytes" : std::strerror(errno));
    }
    done += static_cast<std::size_t>(n);
  }
}

std::uint64_t ByteFile::append(std::span<const std::uint8_t> bytes) {
  const std::uint64_t at = end_;
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(end_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      throw Error(ErrorKind::kInternal, "cannot unpack the pictures")
          .at(name_)
          .got(std::strerror(errno))
          .hint("TMPDIR names the folder for temporary files");
    }
    done += static_cast<std::size_t>(n);
  }
  end_ += bytes.size();
  return at;
}

std::uint32_t RecordStore::add_file(std::shared_ptr<const ByteFile> file) {
  files_.push_back(std::move(file));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

std::int64_t RecordStore::add(const Record& record) {
  records_.push_back(record);
  return static_cast<std::int64_t>(records_.size()) - 1;
}

Image RecordStore::read(std::int64_t place) const {
  const Record& r = records_[static_cast<std::size_t>(place)];
  const ByteFile& file = *files_[r.file];
  std::vector<std::uint8_t> bytes(r.bytes);
  file.read(r.offset, bytes);
  if (r.coding == Coding::kEncoded) {
    return explain::decode_image(bytes, file.name() + ":" + std::to_string(r.offset));
  }
  Image image{r.width, r.height, {}};
  if (r.coding == Coding::kRgb) {
    image.rgb = std::move(bytes);
    return image;
  }
  const std::size_t plane = static_cast<std::size_t>(r.width) * static_cast<std::size_t>(r.height);
  const std::size_t stride = r.coding == Coding::kGrey ? 0 : plane;
  image.rgb.resize(3 * plane);
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = bytes[c * stride + i];
  }
  return image;
}

}  // namespace cutaway::training
