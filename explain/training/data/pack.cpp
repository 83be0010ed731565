#include "explain/training/data/pack.h"

#include <hdf5.h>

#include <algorithm>
#include <vector>

#include "explain/pictures/preprocess.h"
#include "runtime/parallel.h"
#include "runtime/progress.h"
#include "weights/hdf5_output.h"

namespace cutaway::training {
namespace {

namespace hdf5 = weights::hdf5;

hsize_t extent(std::size_t n) { return static_cast<hsize_t>(n); }

void write_column(const hdf5::OutputFile& file,
                  const char* name,
                  hid_t type,
                  hid_t memory,
                  std::size_t count,
                  const void* values) {
  const hdf5::Session session;
  const hdf5::Handle set = hdf5::make_dataset(file.get(), name, {type, {extent(count)}, {}, {}});
  const hdf5::Block all{{0, 0}, {static_cast<std::int64_t>(count), 0}};
  if (!set || !hdf5::write_block(set.get(), all, memory, values)) file.fail(name);
}

void write_columns(const hdf5::OutputFile& file, const LabelledSet& set) {
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> splits;
  for (const LabelledPicture& p : set.pictures) {
    labels.push_back(p.label);
    splits.push_back(static_cast<std::uint8_t>(p.split));
  }
  write_column(file, "labels", H5T_STD_I32LE, H5T_NATIVE_INT32, labels.size(), labels.data());
  write_column(file, "splits", H5T_STD_U8LE, H5T_NATIVE_UINT8, splits.size(), splits.data());
  std::string names;
  for (const std::string& name : set.classes) names += name + "\n";
  const hdf5::Session session;
  const hdf5::Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(1, names.size()));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const hdf5::Handle text = hdf5::make_dataset(file.get(), "classes", {type.get(), {}, {}, {}});
  if (!text || H5Dwrite(text.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, names.c_str()) < 0) {
    file.fail("classes");
  }
}

}  // namespace

void write_pack(
    const LabelledSet& set, const std::string& path, int size, int threads, Observer& observer) {
  constexpr std::int64_t kBlock = 128;
  weights::Preprocess rule;
  rule.resize = weights::ResizeRule::kShortSide;
  rule.short_side = size;
  rule.interpolation = weights::Interpolation::kBilinearPil;
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = size;
  const auto count = static_cast<std::int64_t>(set.pictures.size());
  const auto side = static_cast<std::size_t>(size);
  const std::size_t bytes = 3 * side * side;
  hdf5::OutputFile file(path);
  hdf5::Handle images;
  {
    const hdf5::Session session;
    images = hdf5::make_dataset(
        file.get(), "images",
        {H5T_STD_U8LE, {extent(set.pictures.size()), extent(side), extent(side), 3}, {}, {}});
    if (!images) file.fail("images");
  }
  Progress progress(observer, "pack", count);
  std::vector<std::uint8_t> block(bytes * static_cast<std::size_t>(kBlock));
  for (std::int64_t first = 0; first < count; first += kBlock) {
    throw_if_cancelled(observer);
    const std::int64_t now = std::min(kBlock, count - first);
    parallel_for(threads, now, 4, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) {
        const explain::Image seen = explain::resize_and_crop(set.read(first + i), rule);
        std::copy(seen.rgb.begin(), seen.rgb.end(),
                  block.begin() + static_cast<std::ptrdiff_t>(bytes) * i);
      }
    });
    const hdf5::Session session;
    if (!hdf5::write_block(images.get(), {{first, 0}, {now, 0}}, H5T_NATIVE_UINT8, block.data()))
      file.fail("images");
    progress.add(now);
  }
  {
    const hdf5::Session session;
    images = hdf5::Handle();
  }
  write_columns(file, set);
  file.close();
}

}  // namespace cutaway::training
