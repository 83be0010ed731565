// Packs: rows without maps, merging, and folders that hold nothing.

#include <hdf5.h>
#include <cmath>

#include "explain/runs/pack.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

namespace {

MapCell cell_of(const char* method, std::int64_t side, int row) {
  MapCell cell;
  cell.method = method;
  cell.layer = "relu1";
  cell.target = "top1";
  cell.channels = 1;
  cell.height = cell.width = side;
  cell.class_index = row % 7;
  for (std::int64_t i = 0; i < side * side; ++i)
    cell.values.push_back(std::sin(static_cast<float>(row * 31 + i)));
  return cell;
}

/// Row r: a large map (256 KiB) always, a small one but where it has none.
bool has_small(int row) { return row % 5 != 0 && (row < 60 || row > 99); }

std::vector<MapCell> cells_of(int row) {
  std::vector<MapCell> cells{cell_of("big", 256, row)};
  MapCell small = cell_of("small", 3, row);
  if (!has_small(row)) small.values.clear();
  cells.push_back(small);
  return cells;
}

void write_pack(const std::string& path, int first, int end) {
  PackWriter writer(path);
  for (int row = first; row < end; ++row)
    writer.add(row, "picture " + std::to_string(row), cells_of(row));
  writer.close();
}

std::vector<float> floats(const std::string& path, const char* name, std::size_t count) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  const hid_t space = H5Dget_space(set);
  REQUIRE(H5Sget_simple_extent_npoints(space) == static_cast<hssize_t>(count));
  std::vector<float> values(count);
  CHECK(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return values;
}

}  // namespace

TEST_CASE(
    "packs: however a run was cut, the merged file has the same bytes, and NaN where there is no "
    "map") {
  const Folder f;
  constexpr int kRows = 130;  // more than 8 MiB wait at a time
  write_pack(f / "a0", 0, 100);
  write_pack(f / "a1", 100, kRows);
  merge_packs({f / "a0", f / "a1"}, {100, kRows}, f / "a");
  // The first part holds rows that the second one holds again: the run was killed and went on.
  write_pack(f / "b0", 0, 47);
  write_pack(f / "b1", 31, 65);
  write_pack(f / "b2", 65, kRows);
  merge_packs({f / "b0", f / "b1", f / "b2"}, {31, 65, kRows}, f / "b");
  const std::string whole = bytes_of(f / "a");
  CHECK(whole == bytes_of(f / "b"));
  const auto small = floats(f / "a", "/maps/small__relu1__top1/values", kRows * 9);
  const auto classes = floats(f / "a", "/maps/small__relu1__top1/class", kRows);
  const auto big = floats(f / "a", "/maps/big__relu1__top1/values", std::size_t{kRows} * 65536);
  for (int row = 0; row < kRows; ++row) {
    CAPTURE(row);
    const auto at = static_cast<std::size_t>(row);
    CHECK(classes[at] == (has_small(row) ? static_cast<float>(row % 7) : -1.0F));
    CHECK(std::isnan(small[at * 9]) == !has_small(row));
    if (has_small(row)) CHECK(small[at * 9 + 8] == std::sin(static_cast<float>(row * 31 + 8)));
    CHECK(big[at * 65536 + 65535] == std::sin(static_cast<float>(row * 31 + 65535)));
  }
  put(f / "a1", bytes_of(f / "a1").substr(0, 3000));
  CHECK_THROWS_AS(merge_packs({f / "a0", f / "a1"}, {100, kRows}, f / "c"), Error);
  CHECK_FALSE(fs::exists(f / "c"));
}

TEST_CASE("a pack makes no folders for files that it does not write") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  std::string list = "file\n";
  for (int i = 0; i < 1003; ++i) list += "p/0.png\n";
  put(f / "list.csv", list);
  REQUIRE(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam", "--out", f / "packed",
               "--pack", "--no-report"}) == 0);
  for (const auto& entry : fs::recursive_directory_iterator(f / "packed"))
    CHECK(entry.is_regular_file());
  REQUIRE(run({"explain", f / "net.h5", f / "list.csv", "--method", "cam", "--out", f / "files",
               "--no-pictures", "--no-report"}) == 0);
  CHECK(fs::is_directory(f / "files/001"));
}
