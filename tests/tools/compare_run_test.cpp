// cutaway compare: what it writes, held to plain loops over the vectors that it dumps.

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "tests/tools/run_support.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

/// Three classes of four pictures, a folder each: one colour and pattern, shifted.
void make_classes(const Folder& folder) {
  for (int c = 0; c < 3; ++c) {
    const std::string name = "data/" + std::string(c == 0 ? "ant" : c == 1 ? "bee" : "cat");
    fs::create_directories(folder / name);
    for (int i = 0; i < 4; ++i) {
      Image image = make_image(40, 36);
      for (int y = 0; y < 36; ++y) {
        for (int x = 0; x < 40; ++x) {
          const int wave = ((x + 3 * i) / (3 + 2 * c) + (y + i) / (2 + c)) % 2 * 120;
          const auto noise = static_cast<std::uint8_t>((x * 7 + y * 13 + i * 31 + c) % 23);
          image.set(x, y,
                    {static_cast<std::uint8_t>(c == 0 ? wave + noise : noise),
                     static_cast<std::uint8_t>(c == 1 ? wave + noise : noise),
                     static_cast<std::uint8_t>(c == 2 ? wave + noise : noise)});
        }
      }
      write_image(folder / (name + "/" + std::to_string(i) + ".png"), image);
    }
  }
}

std::vector<std::vector<std::string>> rows_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    auto& row = rows.emplace_back();
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
  }
  return rows;
}

struct Dump {
  std::int64_t rows{0}, columns{0};
  std::vector<float> x, labels;

  Dump(const std::string& path, const std::string& layer) {
    const weights::Hdf5File file = weights::Hdf5File::open(path);
    const auto dims = file.describe("/features/" + layer).dims;
    rows = dims.at(0);
    columns = dims.at(1);
    x = file.read_f32("/features/" + layer, std::size_t{1} << 20);
    labels = file.read_f32("/labels", std::size_t{1} << 20);
  }
  [[nodiscard]] double cosine(std::int64_t a, std::int64_t b) const {
    double ab = 0, aa = 0, bb = 0;
    for (std::int64_t k = 0; k < columns; ++k) {
      const double u = double{x[static_cast<std::size_t>(a * columns + k)]},
                   v = double{x[static_cast<std::size_t>(b * columns + k)]};
      ab += u * v;
      aa += u * u;
      bb += v * v;
    }
    return 1 - ab / (std::sqrt(aa) * std::sqrt(bb) + 1e-12);
  }
  [[nodiscard]] bool same(std::int64_t a, std::int64_t b) const {
    return labels[static_cast<std::size_t>(a)] == labels[static_cast<std::size_t>(b)];
  }
};

}  // namespace

TEST_CASE("compare: the statistics of a run are those of its vectors, by plain loops") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  make_tiny_model(folder / "other.h5", 8);
  make_classes(folder);
  REQUIRE(run({"compare", folder / "net.h5", folder / "data", "--out", folder / "out",
               "--representation", "gap,gmp", "--distance", "cosine,mmd", "--dump",
               folder / "features.h5", "--batch", "5", "--queries", "2", "--other",
               folder / "other.h5"}) == 0);
  const Dump d(folder / "features.h5", "relu2/gap");
  REQUIRE(d.rows == 12);
  CHECK(d.columns == 6);
  CHECK(std::set<float>(d.labels.begin(), d.labels.end()).size() == 3);
  double intra = 0, inter = 0, pairs = 0, others = 0, wins = 0;
  std::vector<double> within, across;
  for (std::int64_t a = 0; a < 12; ++a) {
    for (std::int64_t b = a + 1; b < 12; ++b) {
      (d.same(a, b) ? within : across).push_back(d.cosine(a, b));
      (d.same(a, b) ? intra : inter) += d.cosine(a, b);
      (d.same(a, b) ? pairs : others) += 1;
    }
  }
  for (const double w : within) {
    for (const double o : across) wins += w < o ? 1.0 : w == o ? 0.5 : 0.0;
  }
  double recall = 0;
  for (std::int64_t a = 0; a < 12; ++a) {
    std::int64_t best = a == 0 ? 1 : 0;
    for (std::int64_t b = 0; b < 12; ++b) {
      if (b != a && d.cosine(a, b) < d.cosine(a, best)) best = b;
    }
    recall += d.same(a, best) ? 1.0 / 12 : 0;
  }
  const auto rows = rows_of(folder / "out/statistics.csv");
  bool found = false;
  for (const auto& row : rows) {
    if (row[0] != "relu2" || row[1] != "gap" || row[2] != "cosine") continue;
    found = true;
    CHECK(std::stod(row[3]) == doctest::Approx(intra / pairs).epsilon(1e-5));
    CHECK(std::stod(row[4]) == doctest::Approx(inter / others).epsilon(1e-5));
    CHECK(std::stod(row[5]) == doctest::Approx(intra / pairs / (inter / others)).epsilon(1e-5));
    CHECK(std::stod(row[6]) ==
          doctest::Approx(wins / static_cast<double>(within.size() * across.size())));
    CHECK(std::stod(row[11]) == doctest::Approx(recall));
  }
  CHECK(found);
  // Every layer and distance has its row, maps are compared where there are maps.
  const auto count = [&](const std::string& layer, const std::string& distance) {
    return std::ranges::count_if(
        rows, [&](const auto& row) { return row[0] == layer && row[2] == distance; });
  };
  CHECK(count("input", "euclidean") == 1);
  CHECK(count("relu2", "cosine") == 2);
  CHECK(count("relu2", "mmd") == 1);
  CHECK(count("fc", "mmd") == 0);
  CHECK(rows_of(folder / "out/neighbors.csv").size() == 1 + 12 * 5);
  CHECK(rows_of(folder / "out/maps.csv").size() == 13);
  CHECK(rows_of(folder / "out/pairs.csv").size() == 1 + 8);
  // A layer is like itself.
  for (const auto& row : rows_of(folder / "out/cka.csv")) {
    if (row[0] == row[1]) CHECK(std::stod(row[2]) == doctest::Approx(1.0).epsilon(1e-6));
  }
  // Another network: as many rows, of other numbers; a network against itself has CKA 1.
  const auto cka = rows_of(folder / "out/cka.csv"),
             others_cka = rows_of(folder / "out/cka_other.csv");
  REQUIRE(others_cka.size() == cka.size());
  CHECK(others_cka != cka);
  REQUIRE(run({"compare", folder / "net.h5", folder / "data", "--out", folder / "self", "--no-tsne",
               "--other", folder / "net.h5"}) == 0);
  CHECK(rows_of(folder / "self/cka_other.csv") == rows_of(folder / "self/cka.csv"));
  const std::string page = bytes_of(folder / "out/report.html");
  CHECK(page.find("Which layer knows the class") != std::string::npos);
  CHECK(page.find("http://") == page.find("http://www.w3.org"));  // nothing is loaded
  CHECK(json_file(folder / "out/manifest.json")["counts"]["inputs"] == 12);
  CHECK(run({"compare", folder / "net.h5", folder / "data", "--out", folder / "out"}) ==
        tools::kExitUsage);
}

TEST_CASE("compare: two pictures, pictures without classes, pictures that are none") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  make_classes(folder);
  const std::string a = folder / "data/ant/0.png", b = folder / "data/bee/1.png";
  REQUIRE(run({"compare", folder / "net.h5", a, b, "--out", folder / "pair"}) == 0);
  CHECK(fs::file_size(folder / "pair/pair.png") > 500);
  CHECK(bytes_of(folder / "pair/report.html").find("here alone") == std::string::npos);  // drawn
  CHECK(bytes_of(folder / "pair/report.html").find("What the net sees in both") !=
        std::string::npos);
  CHECK_FALSE(fs::exists(folder / "pair/cka.csv"));
  CHECK(run({"compare", folder / "net.h5", a, "--out", folder / "one"}) == tools::kExitInput);
  // A folder of one class: distances are known, "same class" is not.
  put(folder / "data/ant/broken.png", "no picture");
  CHECK(run({"compare", folder / "net.h5", folder / "data/ant", "--out", folder / "ant",
             "--no-tsne"}) == tools::kExitPartial);
  const auto manifest = json_file(folder / "ant/manifest.json");
  CHECK(manifest["failures"].size() == 1);
  CHECK(run({"compare", folder / "net.h5", folder / "data", "--out", folder / "x", "--layers",
             "relu9"}) == tools::kExitUsage);
  CHECK(run({"compare", folder / "net.h5", folder / "data", "--out", folder / "x", "--distance",
             "manhattan"}) == tools::kExitUsage);
}
