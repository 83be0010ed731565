#include "explain/pictures/idx.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

struct CloseGz {
  void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, CloseGz>;

Error damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kInput, what).at(path);
}

// Up to `size` bytes; fewer at the end of the file.
std::size_t read_up_to(gzFile file, std::uint8_t* out, unsigned size, const std::string& path) {
  const int n = gzread(file, out, size);
  if (n < 0) throw damaged(path, "damaged gzip data");
  return static_cast<std::size_t>(n);
}

void read_values(gzFile file,
                 std::size_t count,
                 std::vector<std::uint8_t>& values,
                 const std::string& path) {
  // In steps, so that a header that promises too much does not take memory first.
  constexpr std::size_t kStep = std::size_t{1} << 22U;
  while (values.size() < count) {
    const std::size_t have = values.size();
    const std::size_t step = std::min(kStep, count - have);
    values.resize(have + step);
    const std::size_t n = read_up_to(file, values.data() + have, static_cast<unsigned>(step), path);
    if (n < step) {
      throw damaged(path, "the file is shorter than its header says")
          .expected(std::to_string(count) + " values")
          .got(std::to_string(have + n));
    }
  }
  std::uint8_t extra = 0;
  if (read_up_to(file, &extra, 1, path) != 0) {
    throw damaged(path, "the file is longer than its header says");
  }
}

}  // namespace

IdxArray read_idx(const std::string& path) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31U;
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) throw damaged(path, "no such file");
  const GzFile file(gzopen(path.c_str(), "rb"));
  if (!file) throw damaged(path, "cannot open the file");
  std::uint8_t magic[4]{};
  if (read_up_to(file.get(), magic, 4, path) != 4 || magic[0] != 0 || magic[1] != 0 ||
      magic[3] < 1 || magic[3] > 4) {
    throw damaged(path, "not an IDX file");
  }
  if (magic[2] != 0x08) {
    throw Error(ErrorKind::kUnsupported, "an IDX file of another element type")
        .at(path)
        .expected("unsigned bytes (8)")
        .got(std::to_string(magic[2]));
  }
  IdxArray array;
  std::int64_t count = 1;
  for (int d = 0; d < magic[3]; ++d) {
    std::uint8_t b[4]{};
    if (read_up_to(file.get(), b, 4, path) != 4) throw damaged(path, "the header ends too early");
    const std::int64_t extent = std::int64_t{b[0]} << 24U | std::int64_t{b[1]} << 16U |
                                std::int64_t{b[2]} << 8U | std::int64_t{b[3]};
    if (extent < 1) throw damaged(path, "an extent of 0");
    if (count > kMost / extent) throw Error(ErrorKind::kMemory, "more than 2^31 values").at(path);
    count *= extent;
    array.extents.push_back(extent);
  }
  read_values(file.get(), static_cast<std::size_t>(count), array.values, path);
  return array;
}

Image idx_image(const IdxArray& array, std::int64_t index) {
  if (array.extents.size() != 3 || index < 0 || index >= array.extents[0] ||
      array.extents[1] > 65536 || array.extents[2] > 65536) {
    throw Error(ErrorKind::kShape, "no such picture in the IDX array").got(std::to_string(index));
  }
  Image image = make_image(static_cast<int>(array.extents[2]), static_cast<int>(array.extents[1]));
  const std::size_t plane = image.rgb.size() / 3;
  const std::uint8_t* p = array.values.data() + static_cast<std::size_t>(index) * plane;
  for (std::size_t i = 0; i < plane; ++i) {
    std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, p[i]);
  }
  return image;
}

}  // namespace cutaway::explain
