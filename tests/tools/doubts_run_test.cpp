// What means nothing is said where people look: in the output folder, and by the exit code.

#include <cmath>
#include <limits>

#include "explain/class_probability.h"
#include "explain/network.h"
#include "layers/activation.h"
#include "tests/tools/run_support.h"
#include "weights/preprocess_json.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

/// The tiny net with other weights of its last layer, and of all layers where they are 0.
void make_scaled_model(const std::string& path, float factor) {
  make_tiny_model(path);
  weights::Package package = weights::load(path);
  Model& m = package.model;
  for (NodeId id = 1; id < m.graph.size(); ++id) {
    for (Tensor& t : m.parameters.of(id)) {
      for (float& v : t.f32()) v *= factor;
    }
  }
  m.parameters.touch();
  weights::save(package, path);
}

nlohmann::json last_line(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line)) last = line.empty() ? last : line;
  return nlohmann::json::parse(last);
}

Graph with_end(std::int64_t classes, kernels::Activation function) {
  Graph g({1, 3, 8, 8});
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(classes));
  g.add("end", std::make_shared<ActivationLayer>(function));
  return g;
}

}  // namespace

TEST_CASE("doubts: probabilities of one score, of independent classes, of none") {
  const std::vector<float> one{2.0F}, two{2.0F, -1.0F};
  const double yes = 1.0 / (1.0 + std::exp(-2.0)), no = 1.0 / (1.0 + std::exp(1.0));
  CHECK(class_probability(one, 0, ClassHead::kSoftmax) == doctest::Approx(yes));
  CHECK(class_probability(two, 0, ClassHead::kSoftmax) ==
        doctest::Approx(1.0 / (1.0 + std::exp(-3.0))));
  CHECK(class_probability(two, 0, ClassHead::kIndependent) == doctest::Approx(yes));
  CHECK(class_probabilities(two, ClassHead::kIndependent)[1] == doctest::Approx(no));
  const std::vector<float> over{2.0F, std::numeric_limits<float>::infinity()};
  CHECK(std::isnan(class_probability(over, 0, ClassHead::kSoftmax)));
  CHECK(std::isnan(class_probabilities(over, ClassHead::kSoftmax)[1]));
  // A head of sigmoids: scores before it, probabilities from it.
  const Graph sigmoid = with_end(3, kernels::Activation::kSigmoid);
  CHECK(class_head(sigmoid) == ClassHead::kIndependent);
  CHECK(sigmoid.node(logits_node(sigmoid)).name == "fc");
  CHECK(std::string(probability_rule(sigmoid)).find("independent") != std::string::npos);
  CHECK(class_head(with_end(3, kernels::Activation::kTanh)) == ClassHead::kSoftmax);
  CHECK(std::string(probability_rule(with_end(1, kernels::Activation::kSigmoid)))
            .find("one output") != std::string::npos);
}

TEST_CASE("doubts: scores that overflow fail the picture, and no class is named") {
  const Folder folder;
  make_scaled_model(folder / "net.h5", 1e38F);
  (void)make_pictures(folder, 2);
  CHECK(run({"classify", folder / "net.h5", folder / "p"}) == tools::kExitInput);
  CHECK(run({"explain", folder / "net.h5", folder / "p", "--method", "saliency", "--out",
             folder / "out"}) == tools::kExitInput);
  const nlohmann::json line = last_line(folder / "out/index.jsonl");
  REQUIRE(line.contains("error"));
  CHECK(line["error"].get<std::string>().find("not finite") != std::string::npos);
  CHECK_FALSE(line.contains("predictions"));
  CHECK(json_file(folder / "out/manifest.json")["failures"].size() == 2);
  CHECK(bytes_of(folder / "out/report.html").find("not finite") != std::string::npos);
}

TEST_CASE("doubts: a map that means nothing is exit code 5, a flat one is said") {
  const Folder folder;
  make_scaled_model(folder / "net.h5", 0.0F);
  (void)make_pictures(folder, 2);
  CHECK(run({"explain", folder / "net.h5", folder / "p", "--method", "ablationcam,saliency",
             "--out", folder / "out"}) == tools::kExitPartial);
  const nlohmann::json line = last_line(folder / "out/index.jsonl");
  REQUIRE(line["maps"].size() == 2);
  for (const auto& map : line["maps"])
    CHECK(map.contains(map["method"] == "ablationcam" ? "doubt" : "warning"));
  const auto manifest = json_file(folder / "out/manifest.json").dump();
  CHECK(manifest.find("\"refused_maps\":2") != std::string::npos);
  const std::string report = bytes_of(folder / "out/report.html");
  CHECK(report.find("not finite") != std::string::npos);
  CHECK(report.find("0 everywhere") != std::string::npos);
  // Flat alone: the truth, perhaps.
  CHECK(run({"explain", folder / "net.h5", folder / "p", "--method", "saliency", "--out",
             folder / "flat"}) == tools::kExitOk);
  // An ascent that nothing moves.
  CHECK(run({"visualize", folder / "net.h5", "--class", "1", "--mode", "simonyan", "--steps", "2",
             "--out", folder / "up"}) == tools::kExitPartial);
  CHECK(json_file(folder / "up/manifest.json").dump().find("\"doubt\"") != std::string::npos);
  // A dream without a guide.
  make_tiny_model(folder / "sound.h5");
  CHECK(run({"visualize", folder / "sound.h5", "--layer", "relu2", "--dream", "--steps", "2",
             "--out", folder / "dream"}) == tools::kExitOk);
}

TEST_CASE("doubts: preprocessing that leaves nothing to tell apart is refused") {
  const auto refused = [](const weights::Preprocess& p) {
    try {
      weights::validate(p);
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  weights::Preprocess p;
  CHECK_FALSE(refused(p));
  p.scale = 1.0F / 255;
  p.std = {0.229F, 0.224F, 0.225F};
  CHECK_FALSE(refused(p));
  p.scale = 3e38F;
  CHECK(refused(p));
  p.scale = 1e-20F;
  CHECK(refused(p));
  p = {};
  p.std[1] = 1e-45F;
  CHECK(refused(p));
  p.std[1] = 1e30F;
  CHECK(refused(p));
  p = {};
  p.mean[2] = 3e38F;
  CHECK(refused(p));
}
