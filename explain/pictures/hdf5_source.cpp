// The tools' own door to /images datasets: weights/hdf5_file.h reads whole datasets as floats,
// pictures want bytes by the block.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <mutex>

#include "explain/pictures/source.h"
#include "runtime/error.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_handle.h"
#include "weights/hdf5_vet.h"

namespace cutaway::explain {
namespace {

using weights::Hdf5Dataset;
using weights::Hdf5File;
namespace hdf5 = weights::hdf5;

constexpr std::int64_t kMostSide = 65536;
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28U;
// Held at a time, unless one picture is larger.
constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 24U;
// What HDF5 unpacks at a time; it holds a second copy while it does.
constexpr std::uint64_t kMostChunk = std::uint64_t{1} << 26U;

std::string number_text(std::int64_t n) {
  std::string text = std::to_string(n);
  return std::string(text.size() < 6 ? 6 - text.size() : 0, '0') + text;
}

/// The pictures of one file. Shared by the source and by its entries, which may outlive it and are
/// read from several threads.
class Hdf5Pictures {
 public:
  explicit Hdf5Pictures(const std::string& path) : path_(path) {
    weights::vet_hdf5(path, {}, [this] { open(); });
    open();
  }
  ~Hdf5Pictures() {
    const hdf5::Session session;
    set_ = hdf5::Handle();
    file_ = hdf5::Handle();
  }
  Hdf5Pictures(const Hdf5Pictures&) = delete;
  Hdf5Pictures& operator=(const Hdf5Pictures&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::optional<std::int64_t> label(std::int64_t n) const {
    return number(labels_, n);
  }
  [[nodiscard]] std::optional<std::int64_t> expected(std::int64_t n) const {
    return number(expected_, n);
  }

  [[nodiscard]] Image picture(std::int64_t n, const ReadOptions& options) {
    const auto plane = static_cast<std::size_t>(height_ * width_);
    const auto size = plane * static_cast<std::size_t>(channels_);
    // The block that it stands in, HDF5's chunk twice, and the picture.
    PictureMemory::Claim claim = options.memory->take(
        block_rows_ * static_cast<std::int64_t>(size) +
        2 * static_cast<std::int64_t>(chunk_bytes_) + 3 * static_cast<std::int64_t>(plane));
    Image image{static_cast<int>(width_), static_cast<int>(height_), {}};
    image.rgb.resize(3 * plane);
    const std::lock_guard lock(mutex_);
    const bool inside = block_first_ >= 0 && n >= block_first_ && n < block_first_ + block_rows_;
    if (!inside) load_block(n);
    const std::uint8_t* p = block_.data() + static_cast<std::size_t>(n - block_first_) * size;
    if (channels_ == 3) {
      std::copy_n(p, size, image.rgb.begin());
    } else {
      for (std::size_t i = 0; i < plane; ++i) {
        std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, p[i]);
      }
    }
    if (size > kBlockBytes) {  // one picture: nothing to keep for the next
      block_ = {};
      block_first_ = -1;
    }
    if (options.claim != nullptr) *options.claim = std::move(claim);
    return image;
  }

 private:
  static std::optional<std::int64_t> number(const std::vector<std::int64_t>& of, std::int64_t n) {
    const auto i = static_cast<std::size_t>(n);
    if (of.empty() || of[i] < 0) return std::nullopt;
    return of[i];
  }

  void open() {
    Hdf5File file = Hdf5File::open(path_);
    if (!file.contains("/images")) {
      throw Error(ErrorKind::kInput, "no dataset /images")
          .at(path_)
          .hint("pictures in HDF5 are uint8, n x height x width x 3, with /labels beside them");
    }
    take_extents(file.describe("/images"));
    labels_ = integers(file, "/labels");
    expected_ = integers(file, "/expected");
    file.close();
    open_dataset();
  }

  void take_extents(const Hdf5Dataset& d) {
    const bool gray = d.dims.size() == 3;
    const bool good = (gray || d.dims.size() == 4) && d.dtype == "uint8" && d.dims[0] >= 1 &&
                      d.dims[1] >= 1 && d.dims[1] <= kMostSide && d.dims[2] >= 1 &&
                      d.dims[2] <= kMostSide && (gray || d.dims[3] == 1 || d.dims[3] == 3);
    std::string got = d.dtype;
    for (const std::int64_t extent : d.dims) got += " x " + std::to_string(extent);
    if (!good) {
      throw Error(ErrorKind::kInput, "not pictures")
          .at(path_ + ":/images")
          .expected("uint8, n x height x width x 3 (or 1)")
          .got(got);
    }
    count_ = d.dims[0];
    height_ = d.dims[1];
    width_ = d.dims[2];
    channels_ = gray ? 1 : d.dims[3];
    rank_ = static_cast<int>(d.dims.size());
    const bool held = d.filtered ? d.storage_bytes >= d.count / Hdf5File::kMostCompression
                                 : d.storage_bytes >= d.count;
    if (!held) {
      throw Error(ErrorKind::kInput, "the extent is larger than the data behind it")
          .at(path_ + ":/images")
          .expected(got)
          .got(std::to_string(d.storage_bytes) + " bytes");
    }
    if (static_cast<std::uint64_t>(height_) * static_cast<std::uint64_t>(width_) > kMostPixels) {
      throw Error(ErrorKind::kMemory, "pictures too large").at(path_ + ":/images").got(got);
    }
  }

  [[nodiscard]] std::vector<std::int64_t> integers(const Hdf5File& file,
                                                   const std::string& name) const {
    if (!file.contains(name)) return {};
    const Hdf5Dataset d = file.describe(name);
    if (d.dims != std::vector<std::int64_t>{count_} || d.dtype.find("int") == std::string::npos) {
      throw Error(ErrorKind::kInput, "not one integer a picture").at(path_ + ":" + name);
    }
    std::vector<std::int64_t> values;
    for (const float v : file.read_f32(name, static_cast<std::size_t>(count_))) {
      // Class numbers; beyond 2^24 float32 no longer tells neighbours apart.
      if (!(std::abs(v) < 16777216.0F)) {
        throw Error(ErrorKind::kInput, "a label that is none").at(path_ + ":" + name);
      }
      values.push_back(static_cast<std::int64_t>(v));
    }
    return values;
  }

  void open_dataset() {
    const hdf5::Session session;
    const hdf5::Handle opening(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(opening.get(), false, true);  // as Hdf5File does: all openings must agree
#endif
    file_ = hdf5::Handle(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, opening.get()), H5Fclose);
    if (!file_) throw hdf5::failure(path_, "", "cannot open the file");
    // Checks that the path is of hard links only; the dataset is then opened by the same path.
    const hdf5::Handle checked = hdf5::open_object(path_, file_.get(), "/images");
    const hdf5::Handle plain(H5Dget_create_plist(checked.get()), H5Pclose);
    std::uint64_t chunk_bytes = 0;
    chunk_ = 1;
    if (H5Pget_layout(plain.get()) == H5D_CHUNKED) {
      hsize_t extents[4] = {1, 1, 1, 1};
      if (H5Pget_chunk(plain.get(), 4, extents) != rank_) {
        throw hdf5::failure(path_, "/images", "the chunks are damaged");
      }
      chunk_bytes = 1;
      for (const hsize_t extent : extents) {
        if (extent == 0 || chunk_bytes > kMostChunk / extent) {
          throw hdf5::failure(path_, "/images", "chunks of more than 64 MiB");
        }
        chunk_bytes *= extent;
      }
      chunk_ = static_cast<std::int64_t>(extents[0]);
    }
    chunk_bytes_ = chunk_bytes;
    const hdf5::Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
    // A chunk that does not fit the cache would be unpacked anew for every block.
    const auto cache = static_cast<std::size_t>(std::max<std::uint64_t>(chunk_bytes, 1U << 20U));
    H5Pset_chunk_cache(access.get(), 521, cache, 1.0);
    set_ = hdf5::Handle(H5Dopen2(file_.get(), "/images", access.get()), H5Dclose);
    if (!set_) throw hdf5::failure(path_, "/images", "cannot open the dataset");
    const std::uint64_t bytes = static_cast<std::uint64_t>(height_ * width_ * channels_);
    block_rows_ = static_cast<std::int64_t>(std::max<std::uint64_t>(1, kBlockBytes / bytes));
    block_rows_ = std::min(block_rows_, std::max<std::int64_t>(chunk_, 64));
  }

  void load_block(std::int64_t first) {
    const hdf5::Session session;
    const std::int64_t rows = std::min(block_rows_, count_ - first);
    block_.resize(static_cast<std::size_t>(rows * height_ * width_ * channels_));
    const auto size = [](std::int64_t v) { return static_cast<hsize_t>(v); };
    const hsize_t start[4] = {size(first), 0, 0, 0};
    const hsize_t extent[4] = {size(rows), size(height_), size(width_), size(channels_)};
    const hdf5::Handle from(H5Dget_space(set_.get()), H5Sclose);
    const hdf5::Handle to(H5Screate_simple(rank_, extent, nullptr), H5Sclose);
    block_first_ = -1;
    if (H5Sselect_hyperslab(from.get(), H5S_SELECT_SET, start, nullptr, extent, nullptr) < 0 ||
        H5Dread(set_.get(), H5T_NATIVE_UINT8, to.get(), from.get(), H5P_DEFAULT, block_.data()) <
            0) {
      throw hdf5::failure(path_, "/images", "the pictures cannot be read");
    }
    block_first_ = first;
  }

  const std::string path_;
  std::int64_t count_{0}, height_{0}, width_{0}, channels_{3}, chunk_{1};
  std::uint64_t chunk_bytes_{0};
  int rank_{4};
  std::vector<std::int64_t> labels_, expected_;
  hdf5::Handle file_, set_;
  std::mutex mutex_;  // of the block
  std::vector<std::uint8_t> block_;
  std::int64_t block_first_{-1}, block_rows_{1};
};

class Hdf5Picture final : public StoredPicture {
 public:
  Hdf5Picture(std::shared_ptr<Hdf5Pictures> of, std::int64_t number)
      : of_(std::move(of)), number_(number) {}
  [[nodiscard]] Image read(const ReadOptions& options) const override {
    return of_->picture(number_, options);
  }

 private:
  std::shared_ptr<Hdf5Pictures> of_;
  std::int64_t number_;
};

class Hdf5Source final : public ImageSource {
 public:
  Hdf5Source(const std::string& path, std::int64_t classes)
      : pictures_(std::make_shared<Hdf5Pictures>(path)) {
    for (std::int64_t n = 0; n < pictures_->count(); ++n) {
      if (const auto label = pictures_->label(n)) check_label(*label, classes, path + ":/labels");
    }
  }

  bool next(ImageEntry& entry, bool content) override {
    entry = {};
    if (at_ == pictures_->count()) return false;
    const std::int64_t n = at_++;
    entry.path = pictures_->path();
    entry.name = std::filesystem::path(entry.path).stem().string() + "/" + number_text(n);
    entry.label = pictures_->label(n);
    if (const auto expected = pictures_->expected(n))
      entry.columns.emplace_back("expected", std::to_string(*expected));
    if (content) entry.stored = std::make_shared<const Hdf5Picture>(pictures_, n);
    return true;
  }
  std::optional<std::int64_t> count() const override { return pictures_->count(); }

 private:
  std::shared_ptr<Hdf5Pictures> pictures_;
  std::int64_t at_{0};
};

}  // namespace

ImageSourcePtr open_hdf5_images(const std::string& path, std::int64_t classes) {
  return std::make_unique<Hdf5Source>(path, classes);
}

}  // namespace cutaway::explain
