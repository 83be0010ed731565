#include <hdf5.h>

#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch_file.h"
#include "weights/hdf5_file.h"

namespace {

constexpr std::size_t kHeader = 6;
constexpr unsigned kFilters = 3;

hid_t type_of(unsigned choice) {
  switch (choice % 4) {
    case 0:
      return H5T_IEEE_F64LE;
    case 1:
      return H5T_STD_I16BE;
    case 2:
      return H5T_STD_U8LE;
    default:
      return H5T_IEEE_F32LE;
  }
}

}  // namespace

/// A sound file whose only dataset has one chunk of any bytes. Header: filters (bits 0 to 2:
/// shuffle, deflate, fletcher32; 3 to 5: left out of this chunk), two extents, two of the chunk,
/// the type.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  if (size < kHeader) return 0;
  static const fuzz::ScratchFile scratch;
  const hsize_t dims[2] = {1U + data[1] % 64U, 1U + data[2] % 64U};
  const hsize_t chunk[2] = {std::min<hsize_t>(dims[0], 1U + data[3] % 64U),
                            std::min<hsize_t>(dims[1], 1U + data[4] % 64U)};
  const hid_t file = H5Fcreate(scratch.path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(2, dims, nullptr);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 2, chunk);
  if ((data[0] & 1U) != 0) H5Pset_shuffle(plist);
  if ((data[0] & 2U) != 0) H5Pset_deflate(plist, 6);
  if ((data[0] & 4U) != 0) H5Pset_fletcher32(plist);
  const hid_t set = H5Dcreate2(file, "x", type_of(data[5]), space, H5P_DEFAULT, plist, H5P_DEFAULT);
  const hsize_t zero[2] = {};
  if (size > kHeader) {
    H5Dwrite_chunk(set, H5P_DEFAULT, (data[0] >> kFilters) & 7U, zero, size - kHeader,
                   data + kHeader);
  }
  H5Dclose(set);
  H5Pclose(plist);
  H5Sclose(space);
  H5Fclose(file);
  try {
    (void)Hdf5File::open(scratch.path()).read_f32("/x", fuzz::kMostElements);
  } catch (const cutaway::Error&) {
  }
  return 0;
}
