#include <doctest/doctest.h>

#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

struct Known {
  const char* name;
  // Parameters as torchvision counts them, and the mean and variance of every normalised channel,
  // which are none to it.
  std::int64_t trained, statistics, macs;
};

}  // namespace

TEST_CASE("residual nets have the parameters and multiply-adds of torchvision's") {
  for (const Known& k : {Known{"resnet18", 11'689'512, 9'600, 1'814'073'344},
                         Known{"resnet34", 21'797'672, 17'024, 3'663'761'408},
                         Known{"resnet50", 25'557'032, 53'120, 4'089'184'256},
                         Known{"cifar-resnet20", 272'474, 1'568, 40'813'184},
                         // By hand: 3 stages of 18 convolutions, shortcuts of 1 x 1.
                         Known{"cifar-resnet56", 855'770, 4'256, 125'747'840}}) {
    CAPTURE(k.name);
    const Graph g = build_zoo(k.name).graph;
    CHECK(g.parameter_count() == k.trained + k.statistics);
    CHECK(g.macs() == k.macs);
    CHECK(g.node(g.find("conv1")).inputs[0] == 0);
  }
  // He et al. 2016 section 4.2 gives 0.27 and 0.85 million.
}
