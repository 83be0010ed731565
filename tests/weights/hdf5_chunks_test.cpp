// Datasets stored in chunks: unpacked here, not by HDF5, which trusts what damaged files say of
// them.
#include <hdf5.h>
#include <zlib.h>

#include <functional>
#include <numeric>
#include <vector>

#include "tests/weights/scratch.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_vet.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

using Fill = std::function<void(hid_t set)>;

/// One dataset /x of the extents, chunks and filters given, of float32 unless said otherwise.
struct Plan {
  std::vector<hsize_t> dims, chunk;
  bool shuffle{}, deflate{}, fletcher{};
  hid_t type{H5T_IEEE_F32LE};
  float fill{0};
};

std::string make(const Scratch& scratch, const Plan& plan, const Fill& write) {
  const std::string path = scratch.path("chunks.h5");
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const int rank = static_cast<int>(plan.dims.size());
  const hid_t space = H5Screate_simple(rank, plan.dims.data(), nullptr);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, rank, plan.chunk.data());
  H5Pset_fill_value(plist, H5T_NATIVE_FLOAT, &plan.fill);
  if (plan.shuffle) H5Pset_shuffle(plist);
  if (plan.deflate) H5Pset_deflate(plist, 6);
  if (plan.fletcher) H5Pset_fletcher32(plist);
  const hid_t set = H5Dcreate2(file, "x", plan.type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  write(set);
  H5Dclose(set);
  H5Pclose(plist);
  H5Sclose(space);
  H5Fclose(file);
  return path;
}

Fill all(const std::vector<float>& values) {
  return [&values](hid_t set) {
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  };
}

/// Stores bytes as the chunk at 0, as they are.
Fill raw(const std::vector<unsigned char>& bytes, std::uint32_t left_out = 0) {
  return [&bytes, left_out](hid_t set) {
    const hsize_t zero[2] = {};
    H5Dwrite_chunk(set, H5P_DEFAULT, left_out, zero, bytes.size(), bytes.data());
  };
}

std::vector<unsigned char> deflated(std::size_t zeros) {
  const std::vector<unsigned char> plain(zeros);
  uLongf size = compressBound(zeros);
  std::vector<unsigned char> bytes(size);
  compress(bytes.data(), &size, plain.data(), zeros);
  bytes.resize(size);
  return bytes;
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), -7.0f);
  return values;
}

std::string refused(const std::string& path) {
  return message_of([&] { (void)Hdf5File::open(path).read_f32("/x", 1000); });
}

}  // namespace

TEST_CASE("chunks come out as HDF5 put them in, through every filter, over every edge") {
  const Scratch scratch;
  const std::vector<float> values = ramp(5 * 7 * 9);
  for (const hid_t type : {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_STD_I16BE}) {
    for (int filters = 0; filters < 8; ++filters) {
      for (const std::vector<hsize_t>& chunk :
           {std::vector<hsize_t>{5, 7, 9}, {1, 1, 9}, {2, 3, 4}, {5, 7, 1}}) {
        CAPTURE(filters);
        const Plan plan{{5, 7, 9},          chunk, (filters & 1) != 0, (filters & 2) != 0,
                        (filters & 4) != 0, type};
        const std::string path = make(scratch, plan, all(values));
        CHECK(Hdf5File::open(path).read_f32("/x", values.size()) == values);
        CHECK_NOTHROW(vet_hdf5(path));
      }
    }
  }
}

TEST_CASE("what was never written has the fill value") {
  const Scratch scratch;
  const std::vector<float> four{1, 2, 3, 4};
  for (const bool filtered : {false, true}) {
    const std::string path =
        make(scratch, {{4, 8}, {2, 2}, filtered, filtered, filtered, H5T_IEEE_F32BE, 2.5f},
             [&](hid_t set) {
               const hsize_t start[] = {2, 2}, count[] = {2, 2};
               const hid_t memory = H5Screate_simple(2, count, nullptr);
               const hid_t part = H5Dget_space(set);
               H5Sselect_hyperslab(part, H5S_SELECT_SET, start, nullptr, count, nullptr);
               H5Dwrite(set, H5T_NATIVE_FLOAT, memory, part, H5P_DEFAULT, four.data());
               H5Sclose(part);
               H5Sclose(memory);
             });
    std::vector<float> expected(32, 2.5f);
    expected[18] = 1, expected[19] = 2, expected[26] = 3, expected[27] = 4;
    // Without filters, one chunk of eight holds too little for the extents (check_behind).
    if (filtered) CHECK(Hdf5File::open(path).read_f32("/x", 32) == expected);
    if (!filtered) CHECK(has(refused(path), "claims more than the file holds"));
  }
}

TEST_CASE("a chunk that is not of its size is refused") {
  const Scratch scratch;
  const Plan plan{{10, 10}, {10, 10}, false, true};
  CHECK(Hdf5File::open(make(scratch, plan, raw(deflated(400)))).read_f32("/x", 100) ==
        std::vector<float>(100));
  CHECK(has(refused(make(scratch, plan, raw(deflated(396)))), "a compressed piece is damaged"));
  // A bomb: HDF5 would allocate what the stream asks for.
  CHECK(has(refused(make(scratch, plan, raw(deflated(1 << 20)))), "a compressed piece is damaged"));
  CHECK(has(refused(make(scratch, plan, raw(deflated(4 << 20)))), "not of its size"));
  CHECK(has(refused(make(scratch, plan, raw(deflated(404)))), "a compressed piece is damaged"));
  CHECK(has(refused(make(scratch, plan, raw(std::vector<unsigned char>(100, 'x')))),
            "a compressed piece is damaged"));
  // The filter left out, and too few bytes: HDF5 1.10.8 would read behind them.
  CHECK(has(refused(make(scratch, plan, raw(deflated(400), 1))), "not of its size"));
  CHECK(Hdf5File::open(make(scratch, plan, raw(std::vector<unsigned char>(400), 1)))
            .read_f32("/x", 100) == std::vector<float>(100));
  CHECK(has(refused(make(scratch, plan, raw(std::vector<unsigned char>(5000), 1))),
            "not of its size"));
  // A child that reads it says nothing: the reader has to find it, and does.
  CHECK_NOTHROW(vet_hdf5(make(scratch, plan, raw(deflated(396)))));
}

TEST_CASE("a chunk whose checksum differs is refused") {
  const Scratch scratch;
  const std::vector<float> values = ramp(100);
  const std::string path = make(scratch, {{100}, {50}, false, false, true}, all(values));
  std::string bytes = read_file(path);
  const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&values[60]), 40));
  REQUIRE(at != std::string::npos);
  bytes[at + 5] = static_cast<char>(bytes[at + 5] ^ 4);
  write_file(path, bytes);
  CHECK(has(refused(path), "the checksum of a piece differs"));
}

TEST_CASE("an object that HDF5 cannot open is found before this process tries it") {
  const Scratch scratch;
  const std::string path = scratch.path("objects.h5");
  const std::int64_t dims[] = {30};
  {
    Hdf5File file = Hdf5File::create(path);
    file.write_f32("/a/good", dims, ramp(30));
    file.write_f32("/a/hurt", dims, ramp(30));
  }
  CHECK_NOTHROW(vet_hdf5(path));
  const std::uint64_t address = Hdf5File::open(path).address("/a/hurt");
  std::string bytes = read_file(path);
  bytes[address] = 77;  // the version of the object's header
  write_file(path, bytes);
  CHECK(has(message_of([&] { vet_hdf5(path); }), "a damaged object: /a/hurt"));
  write_file(path, bytes.substr(0, bytes.size() / 2));
  CHECK(has(message_of([&] { vet_hdf5(path); }), "not a readable HDF5 file"));
}

TEST_CASE("an attribute that leads HDF5 astray ends a child process only") {
  const Scratch scratch;
  const std::string path = scratch.path("attribute.h5");
  const std::string text(300, 'y');
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, "config", type, space, H5P_DEFAULT, H5P_DEFAULT);
  const char* pointer = text.c_str();
  H5Awrite(attribute, type, &pointer);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  CHECK_NOTHROW(vet_hdf5(path));
  // In the global heap: index (2), references (2), nothing (4), size (8), the text. HDF5 1.10.8
  // copies as much as the size says.
  std::string bytes = read_file(path);
  const std::size_t at = bytes.find(text);
  REQUIRE(at != std::string::npos);
  bytes[at - 8 + 3] = 0x70;
  write_file(path, bytes);
  // Crashed, or the text was not read: later versions refuse it.
  const std::string message = message_of([&] { vet_hdf5(path); });
  if (message.empty())
    CHECK_THROWS_AS((void)Hdf5File::open(path).read_attribute_text("/", "config", 1000), Error);
  else
    CHECK(has(message, "crashes or stalls"));
}
