#include "weights/hdf5_output.h"

#include <algorithm>

namespace cutaway::weights::hdf5 {
namespace {

constexpr int kMostRank = 5;

/// Times would make equal runs differ.
Handle untimed(hid_t kind) {
  Handle list(H5Pcreate(kind), H5Pclose);
  H5Pset_obj_track_times(list.get(), false);
  return list;
}

/// The file's selection and a memory space of the same extents; invalid when it does not fit.
std::pair<Handle, Handle> select(hid_t set, const Block& block) {
  Handle space(H5Dget_space(set), H5Sclose);
  std::array<hsize_t, kMostRank> extents{};
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 1 || rank > kMostRank) return {};
  H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  std::array<hsize_t, kMostRank> start{};
  for (std::size_t k = 0; k < 2 && k < static_cast<std::size_t>(rank); ++k) {
    start[k] = static_cast<hsize_t>(block.start[k]);
    if (block.count[k] > 0) extents[k] = static_cast<hsize_t>(block.count[k]);
  }
  if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extents.data(),
                          nullptr) < 0) {
    return {};
  }
  return {std::move(space), Handle(H5Screate_simple(rank, extents.data(), nullptr), H5Sclose)};
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)), target_(path_) {
  const Session session;
  const Handle plist(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (!set_sink(access.get(), failure_)) fail("");
  file_ = Handle(H5Fcreate(target_->temporary().c_str(), H5F_ACC_TRUNC, plist.get(), access.get()),
                 H5Fclose);
  if (!file_) fail("");
}

OutputFile::~OutputFile() {
  const Session session;
  file_ = Handle();
}

void OutputFile::fail(const std::string& object) const {
  throw_if_failed(failure_, path_);
  throw Error(ErrorKind::kInternal, "cannot write the file")
      .at(object.empty() ? path_ : path_ + ":" + object)
      .hint(last_message());
}

Handle OutputFile::make_group(hid_t parent, const std::string& name) const {
  Handle group(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (!group) fail(name);
  return group;
}

void OutputFile::write_text_attribute(hid_t object,
                                      const char* name,
                                      const std::string& text) const {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1));
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute || H5Awrite(attribute.get(), type.get(), text.empty() ? "" : text.c_str()) < 0) {
    fail(std::string("attribute ") + name);
  }
}

void OutputFile::close() {
  {
    const Session session;
    if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0) fail("");
    file_ = Handle();
  }
  throw_if_failed(failure_, path_);
  target_->commit();
}

Handle make_dataset(hid_t parent, const char* name, const Storage& s) {
  const Handle space(H5Screate_simple(static_cast<int>(s.extents.size()), s.extents.data(),
                                      s.most.empty() ? nullptr : s.most.data()),
                     H5Sclose);
  const Handle plist = untimed(H5P_DATASET_CREATE);
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  if (!s.chunk.empty()) {
    H5Pset_chunk(plist.get(), static_cast<int>(s.chunk.size()), s.chunk.data());
    H5Pset_chunk_cache(access.get(), std::max<std::size_t>(s.cache_slots, 1), s.cache_bytes, 1.0);
  }
  if (s.fill != nullptr) H5Pset_fill_value(plist.get(), s.type, s.fill);
  if (s.deflate > 0) {
    H5Pset_shuffle(plist.get());
    H5Pset_deflate(plist.get(), static_cast<unsigned>(s.deflate));
  }
  return {H5Dcreate2(parent, name, s.type, space.get(), H5P_DEFAULT, plist.get(), access.get()),
          H5Dclose};
}

bool extend(hid_t set, std::int64_t rows) {
  const Handle space(H5Dget_space(set), H5Sclose);
  std::array<hsize_t, kMostRank> extents{};
  if (H5Sget_simple_extent_ndims(space.get()) > kMostRank) return false;
  H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  extents[0] = static_cast<hsize_t>(rows);
  return H5Dset_extent(set, extents.data()) >= 0;
}

bool write_block(hid_t set, const Block& block, hid_t type, const void* data) {
  const auto [file, memory] = select(set, block);
  return file && memory && H5Dwrite(set, type, memory.get(), file.get(), H5P_DEFAULT, data) >= 0;
}

bool read_block(hid_t set, const Block& block, hid_t type, void* data) {
  const auto [file, memory] = select(set, block);
  return file && memory && H5Dread(set, type, memory.get(), file.get(), H5P_DEFAULT, data) >= 0;
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

}  // namespace cutaway::weights::hdf5
