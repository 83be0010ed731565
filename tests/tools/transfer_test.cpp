// Features carried over to other classes, by the program.

#include <doctest/doctest.h>

#include <map>

#include "tests/tools/run_support.h"
#include "tests/tools/training_support.h"

using namespace cutaway::explain::test;

TEST_CASE(
    "transfer: features that tell classes apart do so with few pictures, and shallow ones less") {
  const Folder folder;
  make_bars(folder / "p/train", 14);
  make_bars(folder / "p/test", 8, 100);
  put(folder / "net.json", kBarNet);
  REQUIRE(run({"train", folder / "net.json", "--data", folder / "p", "--out", folder / "run",
               "--epochs", "16", "--batch", "8", "--rate", "0.05", "--validation", "0"}) == 0);
  REQUIRE(run({"transfer", folder / "run/net.h5", "--data", folder / "p", "--per-class", "3,10",
               "--folds", "2", "--layers", "conv1,global_max_pool1", "--out", folder / "t"}) == 0);
  std::map<std::string, std::vector<double>> accuracy;
  std::ifstream csv(folder / "t/accuracy.csv");
  std::string line;
  std::getline(csv, line);
  CHECK(line == "layer,classifier,per_class,fold,accuracy");
  while (std::getline(csv, line)) {
    const std::size_t end = line.rfind(',');
    const std::size_t fold = line.rfind(',', end - 1);
    accuracy[line.substr(0, fold)].push_back(std::stod(line.substr(end + 1)));
  }
  REQUIRE(accuracy.size() == 8);
  for (const auto& [name, folds] : accuracy) REQUIRE(folds.size() == 2);
  for (const char* classifier : {"svm", "softmax"}) {
    const auto mean = [&](const std::string& layer, const std::string& count) {
      const auto& folds = accuracy.at(layer + "," + classifier + "," + count);
      return (folds[0] + folds[1]) / 2;
    };
    CHECK(mean("global_max_pool1", "10") >= 0.85);
    CHECK(mean("global_max_pool1", "10") > mean("conv1", "10"));
  }
  CHECK(run({"transfer", folder / "run/net.h5", "--data", folder / "p", "--layers", "nowhere",
             "--out", folder / "u"}) == 2);
  CHECK(!fs::exists(folder / "u"));
}

TEST_CASE("transfer: the same arguments give the same tables") {
  const Folder folder;
  make_bars(folder / "p", 9);
  make_tiny_model(folder / "tiny.h5");
  for (const char* out : {"a", "b"}) {
    REQUIRE(run({"transfer", folder / "tiny.h5", "--data", folder / "p", "--per-class", "4",
                 "--folds", "3", "--seed", "2", "--out", folder / out}) == 0);
  }
  for (const char* name : {"accuracy.csv", "folds.csv", "pictures.csv", "features/gap.npy"})
    CHECK(bytes_of(folder / (std::string("a/") + name)) ==
          bytes_of(folder / (std::string("b/") + name)));
}
