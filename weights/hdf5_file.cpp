#include "weights/hdf5_file.h"

#include <algorithm>
#include <numeric>

#include "weights/hdf5_chunks.h"
#include "weights/hdf5_handle.h"
#include "weights/hdf5_sink.h"
#include "weights/hdf5_window.h"

namespace cutaway::weights {

using hdf5::failure;
using hdf5::Handle;
using hdf5::open_object;
using hdf5::Session;

namespace {

// A dimension list can hold at most H5S_MAX_RANK entries.
constexpr int kMostRank = 32;

/// An open dataset with its type, space and creation properties.
struct OpenDataset {
  Handle set, type, space, plist;
};

OpenDataset open_dataset(const std::string& file, hid_t root, const std::string& name) {
  OpenDataset d;
  d.set = open_object(file, root, name);
  if (H5Iget_type(d.set.get()) != H5I_DATASET) throw failure(file, name, "not a dataset");
  d.type = Handle(H5Dget_type(d.set.get()), H5Tclose);
  d.space = Handle(H5Dget_space(d.set.get()), H5Sclose);
  d.plist = Handle(H5Dget_create_plist(d.set.get()), H5Pclose);
  if (!d.type || !d.space || !d.plist) throw failure(file, name, "the dataset is damaged");
  return d;
}

std::vector<std::int64_t> extents(const std::string& file, const std::string& name, hid_t space) {
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind == H5S_SCALAR) return {};
  if (kind != H5S_SIMPLE) throw failure(file, name, "the dataset has no extent");
  hsize_t dims[kMostRank] = {};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > kMostRank || H5Sget_simple_extent_dims(space, dims, nullptr) < 0) {
    throw failure(file, name, "the extent is damaged");
  }
  std::vector<std::int64_t> result;
  std::uint64_t count = 1;
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 48;
  for (int i = 0; i < rank; ++i) {
    if (dims[i] > kLimit || (dims[i] != 0 && count > kLimit / dims[i])) {
      throw failure(file, name, "the extent is impossibly large");
    }
    count *= dims[i];
    result.push_back(static_cast<std::int64_t>(dims[i]));
  }
  return result;
}

// Throws unless the bytes are in this file and only known filters stand before them.
bool check_storage(const std::string& file, const std::string& name, hid_t plist) {
  const H5D_layout_t layout = H5Pget_layout(plist);
  const bool own = layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED;
  if (!own || H5Pget_external_count(plist) != 0) {
    throw failure(file, name, "the data stands in other files or datasets");
  }
  const int filters = H5Pget_nfilters(plist);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &values,
                                               nullptr, 0, nullptr, &config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
        filter != H5Z_FILTER_FLETCHER32) {
      throw failure(file, name, "unsupported compression")
          .expected("none, deflate, shuffle or fletcher32")
          .got("filter " + std::to_string(filter));
    }
  }
  return filters > 0;
}

// A chunk is unpacked whole, so its size must be bounded too.
void check_chunks(const std::string& file,
                  const std::string& name,
                  const OpenDataset& d,
                  const Hdf5Dataset& info) {
  if (H5Pget_layout(d.plist.get()) != H5D_CHUNKED) return;
  hsize_t chunk[kMostRank] = {};
  const int rank = H5Pget_chunk(d.plist.get(), kMostRank, chunk);
  std::uint64_t bytes = static_cast<std::uint64_t>(info.element_bytes);
  const std::uint64_t limit =
      static_cast<std::uint64_t>(std::max<std::int64_t>(info.count * info.element_bytes, 1 << 24));
  bool good = rank == static_cast<int>(info.dims.size());
  for (int i = 0; good && i < rank; ++i) {
    good = chunk[i] >= 1 && bytes <= limit / chunk[i];
    bytes *= chunk[i];
  }
  if (!good) throw failure(file, name, "the chunks are larger than the dataset");
}

Hdf5Dataset describe_open(const std::string& file, const std::string& name, const OpenDataset& d) {
  Hdf5Dataset info;
  info.dims = extents(file, name, d.space.get());
  info.count =
      std::accumulate(info.dims.begin(), info.dims.end(), std::int64_t{1}, std::multiplies<>());
  info.dtype = hdf5::type_name(d.type.get());
  info.element_bytes = static_cast<std::int64_t>(H5Tget_size(d.type.get()));
  info.filtered = check_storage(file, name, d.plist.get());
  info.chunked = H5Pget_layout(d.plist.get()) == H5D_CHUNKED;
  info.storage_bytes = static_cast<std::int64_t>(H5Dget_storage_size(d.set.get()));
  if (H5Pget_layout(d.plist.get()) == H5D_CONTIGUOUS && hdf5::is_little_endian(d.type.get())) {
    const haddr_t at = H5Dget_offset(d.set.get());
    if (at != HADDR_UNDEF) info.offset = at;
  }
  return info;
}

std::int64_t file_bytes(const std::string& file, const std::string& name, const OpenDataset& d) {
  hsize_t bytes = 0;
  const Handle owner(H5Iget_file_id(d.set.get()), H5Fclose);
  if (!owner || H5Fget_filesize(owner.get(), &bytes) < 0)
    throw failure(file, name, "the file has no size");
  return static_cast<std::int64_t>(bytes);
}

// An extent costs a file nothing; storage does.
void check_behind(const std::string& file,
                  const std::string& name,
                  const OpenDataset& d,
                  const Hdf5Dataset& info) {
  check_chunks(file, name, d, info);
  const std::int64_t storage = std::min(info.storage_bytes, file_bytes(file, name, d));
  const std::int64_t factor = info.filtered ? Hdf5File::kMostCompression : 1;
  if (!(storage >= 0 && info.element_bytes >= 1 &&
        info.count <= storage * factor / info.element_bytes)) {
    throw failure(file, name, "the dataset claims more than the file holds")
        .expected(std::to_string(info.count) + " elements of " +
                  std::to_string(info.element_bytes) + " bytes")
        .got(std::to_string(storage) + " bytes of storage");
  }
}

// All elements, after check_behind(), as `memory`, of `memory_bytes` bytes each.
void read_elements(const std::string& file,
                   const std::string& name,
                   const OpenDataset& d,
                   const Hdf5Dataset& info,
                   hid_t memory,
                   std::size_t memory_bytes,
                   void* to) {
  if (info.chunked) {
    hdf5::read_chunks({file, name, d.set.get(), d.type.get(), d.plist.get(), info.dims,
                       file_bytes(file, name, d)},
                      memory, memory_bytes, static_cast<std::byte*>(to));
  } else if (H5Dread(d.set.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) < 0) {
    throw failure(file, name, "the data cannot be read");
  }
}

void read_numbers(const std::string& file,
                  const std::string& name,
                  const OpenDataset& d,
                  const Hdf5Dataset& info,
                  float* to) {
  read_elements(file, name, d, info, H5T_NATIVE_FLOAT, sizeof(float), to);
}

Hdf5Dataset describe_numbers(const std::string& file,
                             const std::string& name,
                             const OpenDataset& d) {
  Hdf5Dataset info = describe_open(file, name, d);
  if (!hdf5::is_numeric(d.type.get())) {
    throw failure(file, name, "element type")
        .expected("float16, float32, float64 or an integer")
        .got(info.dtype);
  }
  check_behind(file, name, d, info);
  return info;
}

Handle intermediate_groups() {
  Handle plist(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  if (plist) H5Pset_create_intermediate_group(plist.get(), 1);
  return plist;
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path, const FilePart& part) {
  const Session session;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  // A read-only directory or a network file system may refuse locks; reading needs none.
  if (access) H5Pset_file_locking(access.get(), false, true);
#endif
  if (part.bytes > 0 && (!access || !hdf5::set_window(access.get(), part.offset, part.bytes))) {
    throw failure(path, "", "HDF5 cannot read a part of a file");
  }
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access ? access.get() : H5P_DEFAULT);
  if (id < 0) throw failure(path, "", "not a readable HDF5 file");
  return {path, id, part.offset};
}

Hdf5File Hdf5File::create(const std::string& path, std::size_t user_block) {
  const Session session;
  const Handle layout(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  if (!layout || H5Pset_userblock(layout.get(), user_block) < 0) {
    throw Error(ErrorKind::kInternal, "HDF5 user block").at(path);
  }
  // Each dataset's elements behind those of the one before, small ones too, which HDF5 would gather
  // in blocks: who writes them in order then writes the file in order.
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (!access || H5Pset_small_data_block_size(access.get(), 0) < 0) {
    throw Error(ErrorKind::kInternal, "HDF5 small data").at(path);
  }
  const hdf5::WriteFailure failed = std::make_shared<int>(0);
  if (!hdf5::set_sink(access.get(), failed)) {
    throw Error(ErrorKind::kInternal, "HDF5 driver").at(path);
  }
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, layout.get(), access.get());
  if (id < 0) throw failure(path, "", "the file cannot be created");
  Hdf5File file(path, id);
  file.failure_ = failed;
  return file;
}

Hdf5File::~Hdf5File() {
  if (id_ < 0) return;
  const Session session;
  H5Fclose(id_);
}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : path_(std::move(other.path_)),
      id_(std::exchange(other.id_, -1)),
      begin_(other.begin_),
      failure_(std::move(other.failure_)) {}

Hdf5File& Hdf5File::operator=(Hdf5File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(id_, other.id_);
  std::swap(begin_, other.begin_);
  std::swap(failure_, other.failure_);
  return *this;
}

void Hdf5File::close() {
  if (id_ < 0) return;
  const Session session;
  const bool flushed = H5Fflush(id_, H5F_SCOPE_GLOBAL) >= 0;
  const bool closed = H5Fclose(std::exchange(id_, -1)) >= 0;
  throw_if_not_written();
  if (!flushed || !closed) throw failure(path_, "", "the file cannot be written");
}

void Hdf5File::throw_if_not_written() const { hdf5::throw_if_failed(failure_, path_); }

void Hdf5File::leave_out_exit_handler() { (void)H5dont_atexit(); }

Hdf5Dataset Hdf5File::describe(const std::string& dataset) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  Hdf5Dataset info = describe_open(path_, dataset, d);
  if (info.offset) *info.offset += begin_;
  return info;
}

std::vector<float> Hdf5File::read_f32(const std::string& dataset, std::size_t most) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  const Hdf5Dataset info = describe_numbers(path_, dataset, d);
  if (static_cast<std::uint64_t>(info.count) > most) {
    throw failure(path_, dataset, "number of elements")
        .expected("at most " + std::to_string(most))
        .got(std::to_string(info.count));
  }
  std::vector<float> values(static_cast<std::size_t>(info.count));
  if (!values.empty()) read_numbers(path_, dataset, d, info, values.data());
  return values;
}

void Hdf5File::check_elements(const std::string& dataset) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  const Hdf5Dataset info = describe_open(path_, dataset, d);
  check_behind(path_, dataset, d, info);
  if (!info.chunked) return;
  const bool numbers = hdf5::is_numeric(d.type.get());
  hdf5::read_chunks({path_, dataset, d.set.get(), d.type.get(), d.plist.get(), info.dims,
                     file_bytes(path_, dataset, d)},
                    numbers ? H5T_NATIVE_FLOAT : d.type.get(),
                    numbers ? sizeof(float) : static_cast<std::size_t>(info.element_bytes),
                    nullptr);
}

std::vector<std::uint64_t> Hdf5File::read_references(const std::string& dataset,
                                                     std::size_t most) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  const Hdf5Dataset info = describe_open(path_, dataset, d);
  if (info.dtype != "reference" || static_cast<std::uint64_t>(info.count) > most) {
    throw failure(path_, dataset, "not a list of references, or too long a one").got(info.dtype);
  }
  check_behind(path_, dataset, d, info);
  std::vector<hobj_ref_t> values(static_cast<std::size_t>(info.count));
  if (!values.empty()) {
    read_elements(path_, dataset, d, info, H5T_STD_REF_OBJ, sizeof(hobj_ref_t), values.data());
  }
  return {values.begin(), values.end()};
}

std::uint64_t Hdf5File::address(const std::string& object) const {
  const Session session;
  const Handle handle = open_object(path_, id_, object);
  H5O_info_t info{};
  if (H5Oget_info(handle.get(), &info) < 0) throw failure(path_, object, "the object is damaged");
  return info.addr;
}

void Hdf5File::read_f32_into(const std::string& dataset, std::span<float> to) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  const Hdf5Dataset info = describe_numbers(path_, dataset, d);
  if (static_cast<std::uint64_t>(info.count) != to.size()) {
    throw failure(path_, dataset, "number of elements")
        .expected(std::to_string(to.size()))
        .got(std::to_string(info.count));
  }
  if (!to.empty()) read_numbers(path_, dataset, d, info, to.data());
}

std::uint64_t Hdf5File::reserve_f32(const std::string& dataset,
                                    std::span<const std::int64_t> dims) {
  const Session session;
  const std::vector<hsize_t> extent(dims.begin(), dims.end());
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), extent.data(), nullptr),
                     H5Sclose);
  const Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Handle links = intermediate_groups();
  if (!space || !layout || !links) throw failure(path_, dataset, "the dataset cannot be created");
  H5Pset_obj_track_times(layout.get(), false);
  H5Pset_alloc_time(layout.get(), H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(layout.get(), H5D_FILL_TIME_NEVER);
  const Handle set(H5Dcreate2(id_, dataset.c_str(), H5T_IEEE_F32LE, space.get(), links.get(),
                              layout.get(), H5P_DEFAULT),
                   H5Dclose);
  const haddr_t at = set ? H5Dget_offset(set.get()) : HADDR_UNDEF;
  if (at == HADDR_UNDEF) throw failure(path_, dataset, "the dataset cannot be created");
  return at;
}

void Hdf5File::write_f32(const std::string& dataset,
                         std::span<const std::int64_t> dims,
                         std::span<const float> values,
                         int gzip) {
  const Session session;
  std::vector<hsize_t> extent;
  std::int64_t count = 1;
  for (const std::int64_t d : dims) {
    extent.push_back(static_cast<hsize_t>(d));
    count *= d;
  }
  check(count == static_cast<std::int64_t>(values.size()), "extent and values of a dataset differ");
  const Handle space(dims.empty()
                         ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(dims.size()), extent.data(), nullptr),
                     H5Sclose);
  const Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Handle links = intermediate_groups();
  if (!space || !layout || !links) throw failure(path_, dataset, "the dataset cannot be created");
  H5Pset_obj_track_times(layout.get(), false);
  if (gzip > 0 && !dims.empty() && count > 0) {
    // Chunks of about 1 MiB: whole rows of the first dimension.
    const hsize_t row = static_cast<hsize_t>(count) / extent[0];
    std::vector<hsize_t> chunk = extent;
    chunk[0] = std::clamp<hsize_t>((hsize_t{1} << 18) / row, 1, extent[0]);
    if (row * chunk[0] * sizeof(float) < (hsize_t{1} << 32)) {
      H5Pset_chunk(layout.get(), static_cast<int>(chunk.size()), chunk.data());
      H5Pset_shuffle(layout.get());
      H5Pset_deflate(layout.get(), static_cast<unsigned>(std::min(gzip, 9)));
    }
  }
  const Handle set(H5Dcreate2(id_, dataset.c_str(), H5T_IEEE_F32LE, space.get(), links.get(),
                              layout.get(), H5P_DEFAULT),
                   H5Dclose);
  if (!set ||
      H5Dwrite(set.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    throw failure(path_, dataset, "the dataset cannot be written");
  }
  throw_if_not_written();
}

std::string Hdf5File::read_text(const std::string& dataset, std::size_t most) const {
  const Session session;
  const OpenDataset d = open_dataset(path_, id_, dataset);
  const Hdf5Dataset info = describe_open(path_, dataset, d);
  if (H5Tget_class(d.type.get()) != H5T_STRING || H5Tis_variable_str(d.type.get()) != 0 ||
      info.count != 1) {
    throw failure(path_, dataset, "not one text of fixed length");
  }
  if (static_cast<std::uint64_t>(info.element_bytes) > most) {
    throw failure(path_, dataset, "length of the text")
        .expected("at most " + std::to_string(most))
        .got(std::to_string(info.element_bytes));
  }
  check_behind(path_, dataset, d, info);
  std::string text(static_cast<std::size_t>(info.element_bytes), '\0');
  read_elements(path_, dataset, d, info, d.type.get(), text.size(), text.data());
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

std::uint64_t Hdf5File::write_text(const std::string& dataset, const std::string& text) {
  const Session session;
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Handle links = intermediate_groups();
  if (!type || !space || !layout || !links)
    throw failure(path_, dataset, "the text cannot be created");
  H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Pset_obj_track_times(layout.get(), false);
  const Handle set(H5Dcreate2(id_, dataset.c_str(), type.get(), space.get(), links.get(),
                              layout.get(), H5P_DEFAULT),
                   H5Dclose);
  if (!set || H5Dwrite(set.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.c_str()) < 0) {
    throw failure(path_, dataset, "the text cannot be written");
  }
  throw_if_not_written();
  return H5Dget_offset(set.get());
}

}  // namespace cutaway::weights
