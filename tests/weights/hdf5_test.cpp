#include <hdf5.h>

#include <numeric>
#include <thread>
#include <vector>

#include "tests/weights/scratch.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

// A file made by `fill(file)` with the C API alone.
template <class Fill>
std::string make(const Scratch& scratch, const Fill& fill) {
  const std::string path = scratch.path("made.h5");
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  fill(file);
  H5Fclose(file);
  return path;
}

template <class T>
void put(hid_t file, const char* name, hid_t stored, hid_t memory, const std::vector<T>& values) {
  const hsize_t count = values.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t set = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(set);
  H5Sclose(space);
}

}  // namespace

TEST_CASE("what is written is read back bit for bit, compressed or not") {
  const Scratch scratch;
  const std::string path = scratch.path("a.h5");
  const std::vector<float> values = ramp(2 * 3 * 4 * 5);
  const std::int64_t dims[] = {2, 3, 4, 5};
  const std::int64_t none[] = {0};
  {
    Hdf5File file = Hdf5File::create(path);
    file.write_f32("/deep/er/plain", dims, values);
    file.write_f32("/deep/packed", dims, values, 6);
    file.write_f32("/scalar", {}, std::vector<float>{2.5f});
    file.write_f32("/empty", none, {});
    file.write_text("/text", "two\nlines");
    file.write_text("/nothing", "");
    file.write_attribute("/deep", "name", "a text");
    file.write_attribute("/text", "number", std::int64_t{-7});
    file.close();
  }
  const Hdf5File file = Hdf5File::open(path);
  CHECK(same_bits(file.read_f32("/deep/er/plain", 120), values));
  CHECK(same_bits(file.read_f32("/deep/packed", 120), values));
  CHECK(file.read_f32("/scalar", 1) == std::vector<float>{2.5f});
  CHECK(file.read_f32("/empty", 0).empty());
  CHECK(file.read_text("/text", 100) == "two\nlines");
  CHECK(file.read_text("/nothing", 100).empty());
  CHECK(file.read_attribute_text("/deep", "name", 100) == "a text");
  CHECK(file.read_attribute_integer("/text", "number") == -7);
  CHECK(file.has_attribute("/deep", "name"));
  CHECK(!file.has_attribute("/deep", "other"));
  CHECK(file.contains("/deep/er"));
  CHECK(!file.contains("/deep/er/none"));
  CHECK(!file.contains("/deep/er/plain/below"));
  const Hdf5Dataset info = file.describe("/deep/packed");
  CHECK(info.dims == std::vector<std::int64_t>{2, 3, 4, 5});
  CHECK(info.dtype == "float32");
  CHECK(info.filtered);
  CHECK(info.storage_bytes < 480);
  CHECK(file.datasets("/") == std::vector<std::string>{"/deep/er/plain", "/deep/packed", "/empty",
                                                       "/nothing", "/scalar", "/text"});
}

TEST_CASE("numbers of other types become float32") {
  const Scratch scratch;
  const std::string path = make(scratch, [](hid_t file) {
    put<double>(file, "f64", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, {0.5, -1.25});
    put<int>(file, "u8", H5T_STD_U8LE, H5T_NATIVE_INT, {0, 255});
    put<int>(file, "i32", H5T_STD_I32BE, H5T_NATIVE_INT, {-5, 70000});
    // Half floats as h5py writes them.
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    put<double>(file, "f16", half, H5T_NATIVE_DOUBLE, {1.5, -0.0009765625});
    H5Tclose(half);
    put<int>(file, "enum_like", H5T_STD_B8LE, H5T_NATIVE_B8, {1, 2});
  });
  const Hdf5File file = Hdf5File::open(path);
  CHECK(file.read_f32("/f64", 2) == std::vector<float>{0.5f, -1.25f});
  CHECK(file.read_f32("/u8", 2) == std::vector<float>{0.0f, 255.0f});
  CHECK(file.read_f32("/i32", 2) == std::vector<float>{-5.0f, 70000.0f});
  CHECK(file.describe("/f16").dtype == "float16");
  CHECK(file.read_f32("/f16", 2) == std::vector<float>{1.5f, -0.0009765625f});
  CHECK(has(message_of([&] { (void)file.read_f32("/enum_like", 2); }), "element type"));
}

TEST_CASE("limits are held before anything is allocated") {
  const Scratch scratch;
  const std::string path = make(scratch, [](hid_t file) {
    put<double>(file, "ten", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, std::vector<double>(10));
    // Extents of 2^40 elements with next to nothing behind them.
    const hsize_t huge[] = {hsize_t{1} << 20, hsize_t{1} << 20};
    const hsize_t chunk[] = {64, 64};
    const hid_t space = H5Screate_simple(2, huge, nullptr);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 2, chunk);
    H5Dclose(H5Dcreate2(file, "sparse", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Pset_deflate(plist, 9);
    H5Dclose(H5Dcreate2(file, "packed", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Pclose(plist);
    H5Dclose(
        H5Dcreate2(file, "late", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
  });
  const Hdf5File file = Hdf5File::open(path);
  CHECK(has(message_of([&] { (void)file.read_f32("/ten", 9); }), "at most 9"));
  std::vector<float> eleven(11);
  CHECK(has(message_of([&] { file.read_f32_into("/ten", eleven); }), "expected 11, got 10"));
  for (const char* name : {"/sparse", "/packed", "/late"}) {
    CHECK(has(message_of([&] { (void)file.read_f32(name, std::size_t{1} << 41); }),
              "claims more than the file holds"));
  }
}

TEST_CASE("links, foreign storage and unknown filters are refused") {
  const Scratch scratch;
  const std::string path = make(scratch, [](hid_t file) {
    put<double>(file, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {1.0});
    H5Gclose(H5Gcreate2(file, "soft", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_soft("/soft/self", file, "/soft/self", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "outside", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_external("/etc/passwd", "/", file, "/outside/file", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "circle", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_hard(file, "/circle", file, "/circle/again", H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t four = 4;
    const hid_t space = H5Screate_simple(1, &four, nullptr);
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(plist, "/etc/passwd", 0, 16);
    H5Dclose(H5Dcreate2(file, "foreign", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Pclose(plist);
    plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 1, &four);
    H5Pset_nbit(plist);
    H5Dclose(H5Dcreate2(file, "nbit", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Pclose(plist);
    H5Sclose(space);
  });
  const Hdf5File file = Hdf5File::open(path);
  CHECK(file.children("/soft").at(0).kind == Hdf5Kind::kLink);
  CHECK(!file.contains("/soft/self"));
  CHECK(has(message_of([&] { (void)file.datasets("/soft"); }), "a soft or external link"));
  CHECK(has(message_of([&] { (void)file.datasets("/outside"); }), "a soft or external link"));
  CHECK(has(message_of([&] { (void)file.read_f32("/outside/file", 10); }), "no such object"));
  CHECK(has(message_of([&] { (void)file.datasets("/circle"); }), "nested too deeply"));
  CHECK(has(message_of([&] { (void)file.datasets("/", 3); }), "too many entries"));
  CHECK(has(message_of([&] { (void)file.read_f32("/foreign", 4); }), "stands in other files"));
  CHECK(has(message_of([&] { (void)file.read_f32("/nbit", 4); }), "unsupported compression"));
  CHECK(has(message_of([&] { (void)file.read_text("/x", 4); }), "not one text"));
  CHECK(has(message_of([&] { (void)file.children("/x"); }), "not a group"));
  CHECK(has(message_of([&] { (void)file.read_f32("relative", 4); }), "no such object"));
}

TEST_CASE("attributes of variable length, and bounds on texts") {
  const Scratch scratch;
  const std::string path = make(scratch, [](hid_t file) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, "long", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const std::string text(100'000, 'y');
    const char* pointer = text.c_str();
    H5Awrite(attribute, type, &pointer);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
  });
  const Hdf5File file = Hdf5File::open(path);
  CHECK(file.read_attribute_text("/", "long", 100'000) == std::string(100'000, 'y'));
  CHECK(has(message_of([&] { (void)file.read_attribute_text("/", "long", 99'999); }),
            "at most 99999"));
  CHECK(has(message_of([&] { (void)file.read_attribute_text("/", "none", 9); }),
            "no such attribute"));
  CHECK(has(message_of([&] { (void)file.read_attribute_integer("/", "long"); }), "not an integer"));
}

TEST_CASE("files that are not HDF5") {
  const Scratch scratch;
  CHECK(has(message_of([&] { (void)Hdf5File::open(scratch.path("absent")); }),
            "not a readable HDF5 file"));
  write_file(scratch.path("zero"), "");
  CHECK_THROWS_AS((void)Hdf5File::open(scratch.path("zero")), Error);
  write_file(scratch.path("text"), std::string(5000, 't'));
  CHECK_THROWS_AS((void)Hdf5File::open(scratch.path("text")), Error);
  CHECK_THROWS_AS((void)Hdf5File::open(scratch.path("")), Error);
  CHECK_THROWS_AS((void)Hdf5File::create(scratch.path("no/such/directory.h5")), Error);
}

TEST_CASE("equal contents give equal bytes") {
  const Scratch scratch;
  for (const char* name : {"a", "b"}) {
    Hdf5File file = Hdf5File::create(scratch.path(name), 512);
    const std::int64_t dims[] = {30};
    file.write_f32("/g/x", dims, ramp(30));
    file.write_text("/t", "text");
    file.close();
  }
  CHECK(read_file(scratch.path("a")) == read_file(scratch.path("b")));
}

TEST_CASE("several threads may read at once") {
  const Scratch scratch;
  const std::int64_t dims[] = {1000};
  {
    Hdf5File file = Hdf5File::create(scratch.path("a"));
    file.write_f32("/x", dims, ramp(1000));
  }
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const Hdf5File file = Hdf5File::open(scratch.path("a"));
        good[t] += same_bits(file.read_f32("/x", 1000), ramp(1000)) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(4, 50));
}
