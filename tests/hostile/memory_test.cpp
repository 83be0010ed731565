// What `info` promises of memory is what `explain` takes.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "explain/pictures/write_image.h"
#include "tests/hostile/process.h"
#include "weights/package.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::hostile;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kMemoryTells = false;  // nearly all of it is the sanitizer's own
#else
constexpr bool kMemoryTells = true;
#endif

constexpr double kWithin = 1.5;

void write_net(const std::string& architecture, const std::string& path) {
  weights::ZooNet net = weights::build_zoo(architecture);
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, 1);
  weights::save({std::move(model), net.preprocess, {}, {}}, path);
}

/// A few samples instead of thousands: as many at a time as ever.
std::vector<std::string> few_samples(const std::vector<std::string>& methods) {
  std::vector<std::string> words;
  for (const std::string& option :
       {std::string("rise.masks=32"), std::string("smoothgrad.samples=32"),
        std::string("lime.samples=32"), std::string("integrated_gradients.steps=32"),
        std::string("occlusion.stride=64")}) {
    const std::string method = option.substr(0, option.find('.'));
    if (std::ranges::find(methods, method) != methods.end())
      words.insert(words.end(), {"--option", option});
  }
  return words;
}

void hold(const Folder& f, const std::vector<std::string>& methods) {
  explain::Image image = explain::make_image(256, 256, {90, 120, 30});
  explain::write_image(f / "a.png", image);
  const Outcome info = run_program_file(f, {"info", f / "net.h5", "--json"});
  REQUIRE(info.code == 0);
  const nlohmann::json promised = nlohmann::json::parse(info.out)["memory"]["methods"];
  std::vector<std::vector<std::string>> rounds;
  for (const std::string& method : methods) rounds.push_back({method});
  rounds.push_back(methods);  // all in one run: no more than each for itself
  for (const auto& round : rounds) {
    double most = 0;
    std::string names;
    for (const std::string& method : round) {
      most += promised.at(method).get<double>();
      names += (names.empty() ? "" : ",") + method;
    }
    std::vector<std::string> words{"explain", f / "net.h5", f / "a.png",   "--method",  names,
                                   "--out",   f / "out",    "--overwrite", "--threads", "2"};
    for (const std::string& word : few_samples(round)) words.push_back(word);
    const Outcome o = run_program_file(f, words);
    INFO(names, ": ", o.err);
    REQUIRE(o.code == 0);
    const double taken = 1024.0 * static_cast<double>(o.kibibytes);
    MESSAGE(names, ": takes ", o.kibibytes / 1024, " MiB, promised ",
            static_cast<long>(most / 1048576.0), " MiB");
    if (kMemoryTells) CHECK(taken <= (round.size() > 1 ? 1.0 : kWithin) * most);
  }
}

}  // namespace

TEST_CASE("explaining takes the memory that info promises, by method") {
  const Folder f;
  write_net("resnet18", f / "net.h5");
  hold(f, {"saliency", "gradcam", "lrp", "occlusion", "rise", "smoothgrad"});
}

/// Minutes: for long runs only.
TEST_CASE("explaining takes the memory that info promises: ResNet-50, every method" *
          doctest::skip(std::getenv("CUTAWAY_LONG") == nullptr)) {
  const Folder f;
  write_net("resnet50", f / "net.h5");
  const Outcome info = run_program_file(f, {"info", f / "net.h5", "--json"});
  REQUIRE(info.code == 0);
  const nlohmann::json promised = nlohmann::json::parse(info.out)["memory"]["methods"];
  std::vector<std::string> methods;
  for (const auto& [name, bytes] : promised.items()) methods.push_back(name);
  hold(f, methods);
}
