// The units verb end to end.

#include <doctest/doctest.h>
#include <hdf5.h>

#include <cmath>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/tensor_math.h"
#include "layers/executor.h"
#include "tests/tools/run_support.h"
#include "tests/tools/tar_fixture.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

TEST_CASE("units: the strongest images of each map, as a sort of all of them says") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 20);
  put(f / "p/4.png", "no picture");
  REQUIRE(run({"units", f / "net.h5", "--data", list, "--layers", "relu1,conv2", "--top", "3",
               "--maps", "0-1,5", "--batch", "6", "--out", f / "out"}) == 5);
  const weights::Package package = weights::load(f / "net.h5");
  PlanRequest request;
  request.input = {1, 3, 32, 32};
  const NodeId node = package.model.graph.find("conv2");
  request.output = node;
  Executor executor(package.model, request, CpuStream(1));
  std::vector<std::pair<float, int>> answers;
  for (int i = 0; i < 20; ++i) {
    if (i == 4) continue;
    executor.set_input(
        preprocess(read_image(f / ("p/" + std::to_string(i) + ".png")), package.preprocess));
    executor.forward();
    answers.emplace_back(-explain::peak(executor.read(executor.output()), 0, 5).value, i);
  }
  std::sort(answers.begin(), answers.end());
  const auto units = json_file(f / "out/units.json");
  const auto& top = units["layers"][1]["maps"][2]["top"];
  REQUIRE(units["layers"][1]["maps"][2]["map"] == 5);
  REQUIRE(top.size() == 3);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(top[k]["image"] == answers[k].second);
    CHECK(top[k]["name"] == "p/" + std::to_string(answers[k].second) + ".png");
    CHECK(top[k]["value"].get<float>() == doctest::Approx(-answers[k].first).epsilon(1e-6));
  }
  for (const char* name : {"relu1.png", "conv2.png", "relu1/map-0000.png", "conv2/map-0005.png",
                           "index.html", "units.h5", "manifest.json"}) {
    CHECK(fs::exists(f / ("out/" + std::string(name))));
  }
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "relu1", "--out", f / "out"}) ==
        2);  // finished
}

TEST_CASE(
    "units: patches are the pixels of the field, grey beyond the border; fewer images than "
    "places") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 2);
  std::string archive;
  for (int i = 0; i < 2; ++i)
    archive +=
        tar_member({std::to_string(i) + ".png", bytes_of(f / ("p/" + std::to_string(i) + ".png"))});
  put(f / "a.tar", archive + tar_end());
  REQUIRE(run({"units", f / "net.h5", "--data", f / "a.tar", "--layers", "conv2", "--rules",
               "guided", "--out", f / "out"}) == 0);
  const auto units = json_file(f / "out/units.json");
  const weights::Package package = weights::load(f / "net.h5");
  const hid_t file = H5Fopen((f / "out/units.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  // conv2: 3x3 over 2x2 pooling over 3x3: a field of 8 pixels every 2, unit 0 beginning at -3.
  std::vector<std::uint8_t> patches(6 * 9 * 8 * 8 * 3);
  std::vector<float> projections(6 * 9 * 3 * 8 * 8);
  for (const auto& [name, type, to] :
       {std::tuple<const char*, hid_t, void*>{"/layers/conv2/patches", H5T_NATIVE_UINT8,
                                              patches.data()},
        {"/layers/conv2/projections", H5T_NATIVE_FLOAT, projections.data()}}) {
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    REQUIRE(set >= 0);
    const hid_t space = H5Dget_space(set);
    const hssize_t points = H5Sget_simple_extent_npoints(space);
    const bool bytes = type == H5T_NATIVE_UINT8;
    REQUIRE(points == static_cast<hssize_t>(bytes ? patches.size() : projections.size()));
    CHECK(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0);
    H5Sclose(space);
    H5Dclose(set);
  }
  H5Fclose(file);
  int checked = 0;
  for (std::size_t m = 0; m < 6; ++m) {
    const auto& top = units["layers"][0]["maps"][m]["top"];
    REQUIRE(top.size() == 2);
    for (std::size_t k = 0; k < 2; ++k) {
      const Image seen = resize_and_crop(read_image(f / ("p/" + top[k]["name"].get<std::string>())),
                                         package.preprocess);
      const int y0 = 2 * top[k]["row"].get<int>() - 3, x0 = 2 * top[k]["column"].get<int>() - 3;
      for (int y = 0; y < 8; ++y) {
        for (int x = 0; x < 8; ++x) {
          const bool inside = y0 + y >= 0 && y0 + y < 32 && x0 + x >= 0 && x0 + x < 32;
          const explain::Rgb expected =
              inside ? seen.at(x0 + x, y0 + y) : explain::Rgb{128, 128, 128};
          const std::size_t at =
              (((m * 9 + k) * 8 + static_cast<std::size_t>(y)) * 8 + static_cast<std::size_t>(x)) *
              3;
          CHECK((patches[at] == expected.r && patches[at + 1] == expected.g &&
                 patches[at + 2] == expected.b));
          const std::size_t p =
              ((m * 9 + k) * 3 * 8 + static_cast<std::size_t>(y)) * 8 + static_cast<std::size_t>(x);
          if (!inside) CHECK(projections[p] == 0.0f);
          ++checked;
        }
      }
    }
    CHECK(std::isnan(projections[(m * 9 + 2) * 192]));  // there was no third image
  }
  CHECK(checked == 6 * 2 * 64);
}

TEST_CASE("units --checkpoints: each checkpoint's strongest, and where another image takes over") {
  const Folder f;
  make_tiny_model(f / "one.h5", 3);
  make_tiny_model(f / "two.h5", 4);
  const std::string list = make_pictures(f, 12);
  REQUIRE(run({"units", "--checkpoints", f / "one.h5" + "," + (f / "two.h5"), "--data", list,
               "--layers", "relu1,conv2", "--maps", "0-5", "--out", f / "evolution"}) == 0);
  const auto layers = json_file(f / "evolution/evolution.json")["layers"];
  REQUIRE(layers.size() == 2);
  int changes = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    const std::string name = k == 0 ? "one" : "two";
    REQUIRE(run({"units", f / (name + ".h5"), "--data", list, "--layers", "relu1,conv2", "--maps",
                 "0-5", "--top", "1", "--out", f / name}) == 0);
    const auto units = json_file(f / (name + "/units.json"))["layers"];
    for (std::size_t l = 0; l < 2; ++l) {
      REQUIRE(layers[l]["maps"].size() == 6);
      for (std::size_t m = 0; m < 6; ++m) {
        const auto& steps = layers[l]["maps"][m]["steps"];
        const auto& best = units[l]["maps"][m]["top"][0];
        for (const char* what : {"image", "name", "value", "row", "column"})
          CHECK(steps[k][what] == best[what]);
        CHECK(steps[k]["checkpoint"] == name);
        CHECK(steps[k]["changed"] == (k == 1 && steps[1]["image"] != steps[0]["image"]));
        changes += steps[k]["changed"] == true ? 1 : 0;
      }
    }
  }
  CHECK(changes > 0);
  for (const char* name : {"relu1.png", "conv2.png", "index.html", "manifest.json"}) {
    CHECK(fs::exists(f / ("evolution/" + std::string(name))));
  }
}

TEST_CASE("units: usage errors leave nothing behind") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 2);
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "conv9", "--out", f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "input", "--out", f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "conv1", "--maps", "8", "--out",
             f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "conv1", "--maps", "3-1", "--out",
             f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", list, "--layers", "conv1", "--rules", "up", "--out",
             f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", "-", "--layers", "conv1", "--out", f / "out"}) == 2);
  CHECK(run({"units", f / "net.h5", "--data", f / "absent", "--layers", "conv1", "--out",
             f / "out"}) == 3);
  CHECK_FALSE(fs::exists(f / "out"));
}
