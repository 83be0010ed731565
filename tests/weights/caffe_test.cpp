#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "tests/weights/scratch.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_vet.h"
#include "weights/import/caffe/caffe_hdf5.h"
#include "weights/package.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

using Dims = std::vector<std::int64_t>;

struct Blob {
  std::string name;
  Dims dims;
};

std::vector<Blob> lenet_blobs() {
  return {{"/data/conv1/0", {20, 1, 5, 5}},  {"/data/conv1/1", {20}},
          {"/data/conv2/0", {50, 20, 5, 5}}, {"/data/conv2/1", {50}},
          {"/data/ip1/0", {500, 800}},       {"/data/ip1/1", {500}},
          {"/data/ip2/0", {10, 500}},        {"/data/ip2/1", {10}}};
}

// Values count up through the whole file.
void write(const std::vector<Blob>& blobs, const std::string& path, float first = 0.0f) {
  Hdf5File file = Hdf5File::create(path);
  for (const Blob& blob : blobs) {
    std::int64_t count = 1;
    for (const std::int64_t d : blob.dims) count *= d;
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), first);
    file.write_f32(blob.name, blob.dims, values);
  }
  file.close();
}

Imported import_lenet(const std::string& path, const ImportOptions& options = {}) {
  return import_caffe_hdf5(path, build_zoo("lenet").graph, options);
}

std::string mutated(const Scratch& scratch, const std::vector<Blob>& blobs) {
  write(blobs, scratch.path("w.h5"));
  return message_of([&] { (void)import_lenet(scratch.path("w.h5")); });
}

std::string model_file(const char* name) {
  return "models/" + std::string(name) + "/weights.caffe.h5";
}

Imported import_data(const char* folder,
                     const char* architecture,
                     const ImportOptions& options = {}) {
  return import_caffe_hdf5((data_directory() / model_file(folder)).string(),
                           build_zoo(architecture).graph, options);
}

}  // namespace

TEST_CASE("weights arrive untransposed, in old and new extents") {
  const Scratch scratch;
  std::vector<Blob> blobs = lenet_blobs();
  write(blobs, scratch.path("new.h5"));
  const Imported plain = import_lenet(scratch.path("new.h5"));
  blobs[1].dims = {1, 1, 1, 20};
  blobs[4].dims = {1, 1, 500, 800};
  blobs[5].dims = {1, 1, 1, 500};
  write(blobs, scratch.path("old.h5"));
  const Imported old = import_lenet(scratch.path("old.h5"));
  CHECK(same_parameters(plain.model, old.model));
  const Tensor& w = plain.model.parameters.of(plain.model.graph.find("ip1"))[0];
  CHECK(w.shape() == Shape{500, 800, 1, 1});
  CHECK(w.f32()[801] == 801.0f);
  REQUIRE(plain.report.rows.size() == 8);
  CHECK(plain.report.rows[0].source == "/data/conv1/0");
  CHECK(plain.report.rows[0].target == "conv1 weight");
  CHECK(plain.report.rows[0].mean == doctest::Approx(249.5));
  CHECK(plain.report.rows[0].deviation == doctest::Approx(144.3376));  // sqrt((500^2 - 1) / 12)
  CHECK(plain.report.rows[4].source_extents == "500x800");
  CHECK(old.report.rows[4].source_extents == "1x1x500x800");
  CHECK(has(to_text(plain.report), "/data/ip2/1"));
  CHECK(plain.report.source_sha256.size() == 64);
  CHECK(plain.report.source_file == "new.h5");
}

TEST_CASE("all problems are told at once") {
  const Scratch scratch;
  std::vector<Blob> blobs = lenet_blobs();
  blobs[0].dims = {20, 1, 5, 4};
  blobs[2].name = "/data/conv3/0";
  blobs.erase(blobs.begin() + 7);
  const std::string message = mutated(scratch, blobs);
  CHECK(has(message, "4 problem(s)"));
  CHECK(has(message, "extents of /data/conv1/0 for conv1 weight: expected 20x1x5x5, got 20x1x5x4"));
  CHECK(has(message, "missing: conv2 weight (50x20x5x5), looked for /data/conv2/0"));
  CHECK(has(message, "missing: ip2 bias (10), looked for /data/ip2/1"));
  CHECK(has(message, "not used: /data/conv3/0 (50x20x5x5)"));
}

TEST_CASE("single mutations are errors, never a silent load") {
  const Scratch scratch;
  std::vector<Blob> blobs = lenet_blobs();
  blobs.push_back({"/data/extra/0", {3}});
  CHECK(has(mutated(scratch, blobs), "not used: /data/extra/0 (3)"));
  CHECK_NOTHROW((void)import_lenet(scratch.path("w.h5"), {{}, {"/data/extra"}}));
  blobs = lenet_blobs();
  std::swap(blobs[4].dims[0], blobs[4].dims[1]);
  CHECK(has(mutated(scratch, blobs), "expected 500x800, got 800x500"));
  blobs = lenet_blobs();
  blobs[4].dims = {500, 50, 4,
                   4};  // the same numbers, but nothing says in which order they were flattened
  CHECK(has(mutated(scratch, blobs), "expected 500x800, got 500x50x4x4"));
  blobs = lenet_blobs();
  for (Blob& blob : blobs) blob.name.replace(0, 5, "/blob");
  CHECK(has(mutated(scratch, blobs), "not in Caffe's HDF5 layout"));
  blobs = lenet_blobs();
  blobs.push_back({"/diff/conv1/0", {20, 1, 5, 5}});
  write(blobs, scratch.path("w.h5"));
  const Imported with_diff = import_lenet(scratch.path("w.h5"));
  REQUIRE(with_diff.report.unused.size() == 1);
  CHECK(with_diff.report.unused[0].source == "/diff/conv1/0");
  // Inner infinities of arithmetic count as well: the check is on the values read.
  write(lenet_blobs(), scratch.path("w.h5"), std::numeric_limits<float>::infinity());
  CHECK(has(message_of([&] { (void)import_lenet(scratch.path("w.h5")); }), "is not finite"));
}

TEST_CASE("what may be missing must be named") {
  const Scratch scratch;
  std::vector<Blob> blobs = lenet_blobs();
  blobs.resize(6);
  write(blobs, scratch.path("w.h5"));
  const Imported imported = import_lenet(scratch.path("w.h5"), {{"ip2"}, {}});
  CHECK(imported.report.missing == std::vector<std::string>{"ip2 weight", "ip2 bias"});
  for (const float v : imported.model.parameters.of(imported.model.graph.find("ip2"))[0].f32()) {
    REQUIRE(v == 0.0f);
  }
  CHECK(has(message_of([&] {
              (void)import_lenet(scratch.path("w.h5"), {{"ip3"}, {}});
            }),
            "did you mean"));
}

TEST_CASE("an extent without storage is a problem, not an allocation") {
  const Scratch scratch;
  write(lenet_blobs(), scratch.path("w.h5"));
  const hid_t file = H5Fopen(scratch.path("w.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  H5Ldelete(file, "/data/ip1/0", H5P_DEFAULT);
  const hsize_t dims[] = {500, 800};
  const hid_t space = H5Screate_simple(2, dims, nullptr);
  H5Dclose(H5Dcreate2(file, "/data/ip1/0", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                      H5P_DEFAULT));
  H5Sclose(space);
  H5Fclose(file);
  CHECK(has(message_of([&] { (void)import_lenet(scratch.path("w.h5")); }),
            "claims more than the file holds"));
}

TEST_CASE("the public Caffe weights import, and survive as packages") {
  const Scratch scratch;
  struct Case {
    const char *folder, *architecture;
    std::size_t rows;
  };
  for (const Case& c :
       {Case{"lenet_mnist", "lenet", 8}, Case{"squeezenet_v1.0", "squeezenet1.0-caffe", 52},
        Case{"bvlc_googlenet", "googlenet-caffe", 116}}) {
    if (!have_data(model_file(c.folder))) continue;
    INFO(c.folder);
    Imported imported = import_data(c.folder, c.architecture);
    CHECK(imported.report.rows.size() == c.rows);
    CHECK(imported.report.missing.empty());
    CHECK(imported.report.unused.empty());
    Package package{std::move(imported.model), build_zoo(c.architecture).preprocess};
    package.provenance.source_sha256 = imported.report.source_sha256;
    save(package, scratch.path(c.folder));
    CHECK(same_parameters(load(scratch.path(c.folder)).model, package.model));
  }
}

TEST_CASE("AlexNet's convolutions alone are not AlexNet") {
  if (!have_data(model_file("alexnet_conv"))) return;
  const std::string message =
      message_of([] { (void)import_data("alexnet_conv", "alexnet-caffe"); });
  CHECK(has(message, "6 problem(s)"));
  CHECK(has(message, "missing: fc6 weight (4096x9216), looked for /data/fc6/0"));
  CHECK(has(message, "missing: fc8 bias (1000)"));
  const Imported imported =
      import_data("alexnet_conv", "alexnet-caffe", {{"fc6", "fc7", "fc8"}, {}});
  CHECK(imported.report.rows.size() == 10);
  CHECK(imported.report.missing.size() == 6);
}

TEST_CASE("damaged files are refused or read, and the process lives") {
  const Scratch scratch;
  // Compressed, because that is where HDF5 trusts the file most.
  const std::string path = scratch.path("w.h5");
  {
    Hdf5File file = Hdf5File::create(path);
    for (const Blob& blob : lenet_blobs()) {
      std::int64_t count = 1;
      for (const std::int64_t d : blob.dims) count *= d;
      file.write_f32(blob.name, blob.dims,
                     std::vector<float>(static_cast<std::size_t>(count), 0.25f), 9);
    }
  }
  const std::string good = read_file(path);
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    std::string bad = good;
    for (int flips = 1 + i % 3; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random() & 255U);
    }
    if (i % 10 == 9) bad.resize(random() % bad.size());
    write_file(scratch.path(std::to_string(i)), bad);
    try {
      (void)import_lenet(scratch.path(std::to_string(i)));
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 6);
  CHECK_NOTHROW((void)import_lenet(path));
}

TEST_CASE("a file that crashes the HDF5 library ends a child process only") {
  const Scratch scratch;
  const std::string path = scratch.path("w.h5");
  {
    Hdf5File file = Hdf5File::create(path);
    for (const Blob& blob : lenet_blobs()) {
      std::int64_t count = 1;
      for (const std::int64_t d : blob.dims) count *= d;
      file.write_f32(blob.name, blob.dims,
                     std::vector<float>(static_cast<std::size_t>(count), 0.25f), 9);
    }
  }
  // In the index entry of the largest dataset's first chunk, claim that it was stored without
  // compression: HDF5 1.10.8 then takes the few stored bytes for the whole chunk and reads far
  // behind them. Later versions refuse. An entry is: stored bytes (4), filter mask (4), offsets (8
  // each, all 0 for the first chunk), address (8).
  std::string bytes = read_file(path);
  std::int64_t stored = 0;
  {
    const Hdf5File file = Hdf5File::open(path);
    stored = file.describe("/data/ip1/0").storage_bytes;
  }
  int changed = 0;
  for (std::size_t at = 0; at + 32 < bytes.size(); ++at) {
    std::uint32_t size = 0;
    std::uint32_t mask = 0;
    std::memcpy(&size, bytes.data() + at, 4);
    std::memcpy(&mask, bytes.data() + at + 4, 4);
    const bool zeros =
        std::all_of(bytes.data() + at + 8, bytes.data() + at + 24, [](char c) { return c == 0; });
    if (size > 500 && size <= stored && mask == 0 && zeros && bytes[at + 32] != 0) {
      bytes[at + 4] = 3;
      ++changed;
    }
  }
  CHECK(changed > 0);
  write_file(path, bytes);
  CHECK_THROWS_AS((void)import_lenet(path), Error);
}

TEST_CASE("vetting asks for a regular file") {
  const Scratch scratch;
  CHECK_THROWS_AS(vet_hdf5(scratch.path("absent")), Error);
  CHECK_THROWS_AS(vet_hdf5(scratch.path("")), Error);
}
