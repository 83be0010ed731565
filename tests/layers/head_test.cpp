#include "layers/training/head.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/executor.h"
#include "layers/flatten.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "layers/training/mix.h"
#include "layers/training/sampler.h"
#include "layers/training/selection.h"
#include "runtime/error.h"

using namespace cutaway;

namespace {

/// Convolutions, pooling, two dense layers: a small VGG.
Model small_vgg() {
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  Graph g({1, 3, 8, 8});
  g.add("conv1", std::make_shared<Conv>(4, three));
  g.add("norm1", std::make_shared<BatchNorm>());
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(6, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("pool2", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("flatten", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(10));
  g.add("relu3", std::make_shared<Relu>());
  g.add("fc2", std::make_shared<Dense>(5));
  g.add("prob", std::make_shared<Softmax>());
  g.alias("block1", 1);
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  return m;
}

std::vector<std::string> names_of(const Graph& g) {
  std::vector<std::string> names;
  for (const Node& node : g.nodes()) names.push_back(node.name);
  return names;
}

std::vector<std::string> chosen(const Graph& g, std::vector<std::string> patterns) {
  std::vector<std::string> names;
  for (const NodeId id : matching_nodes(g, patterns)) names.push_back(g.node(id).name);
  return names;
}

}  // namespace

TEST_CASE("heads: a new one on the last maps, the layers below with their parameters") {
  const Model m = small_vgg();
  HeadOptions o;
  o.classes = 7;
  const Model pooled = replace_head(m, o);
  CHECK(names_of(pooled.graph) == std::vector<std::string>{"input", "conv1", "norm1", "relu1",
                                                           "conv2", "relu2", "gap", "fc", "prob"});
  CHECK(pooled.graph.node(pooled.graph.last()).shape.c == 7);
  CHECK(pooled.graph.find("block1") == 1);
  CHECK(std::ranges::equal(pooled.parameters.of(4)[0].f32(), m.parameters.of(4)[0].f32()));
  // A copy: the old model does not follow.
  CHECK(pooled.parameters.of(4)[0].f32().data() != m.parameters.of(4)[0].f32().data());
  o.kind = HeadKind::kMax;
  o.dropout = 0.3f;
  o.mask_beta = 4.0;
  o.from = "relu1";
  CHECK(names_of(replace_head(m, o).graph) == std::vector<std::string>{"input", "conv1", "norm1",
                                                                       "relu1", "mask", "gmp",
                                                                       "drop", "fc", "prob"});
  o = {};
  o.kind = HeadKind::kDense;
  o.classes = 3;
  o.from = "relu3";  // behind a layer called fc
  const Model dense = replace_head(m, o);
  CHECK(names_of(dense.graph).back() == "prob");
  CHECK(dense.graph.find("fc_2") == dense.graph.last() - 1);
  o.from = "pool2";
  CHECK(replace_head(m, o).graph.node(7).layer->kind() == LayerKind::kFlatten);
  o.from = "relu9";
  CHECK_THROWS_AS((void)replace_head(m, o), Error);
  o.from = "";
  o.classes = 0;
  CHECK_THROWS_AS((void)replace_head(m, o), Error);
}

TEST_CASE("heads: what is below answers as before") {
  const Model m = small_vgg();
  const Model headed = replace_head(m, HeadOptions{});
  Tensor image = zeros({1, 3, 8, 8});
  for (std::size_t i = 0; i < image.f32().size(); ++i)
    image.f32()[i] = std::sin(0.7f * static_cast<float>(i));
  const auto maps = [&](const Model& model) {
    PlanRequest r;
    r.taps = {model.graph.find("relu2")};
    Executor e(model, r, CpuStream(1));
    e.set_input(image);
    e.forward();
    const Tensor y = e.read(e.value(r.taps[0]));
    return std::vector<float>(y.f32().begin(), y.f32().end());
  };
  CHECK(maps(m) == maps(headed));
}

TEST_CASE("selection: patterns of layer names") {
  CHECK(matches("conv*", "conv1"));
  CHECK(matches("*", ""));
  CHECK(matches("*1*", "layer10/conv"));
  CHECK(matches("a*b*c", "aXbYbZc"));
  CHECK(matches("conv?", "conv2"));
  CHECK_FALSE(matches("conv?", "conv"));
  CHECK_FALSE(matches("conv", "conv1"));
  CHECK_FALSE(matches("a*b", "abc"));
  CHECK_FALSE(matches("", "a"));
  const Graph g = small_vgg().graph;
  CHECK(chosen(g, {"conv*"}) == std::vector<std::string>{"conv1", "conv2"});
  CHECK(chosen(g, {"fc2", "norm?"}) == std::vector<std::string>{"norm1", "fc2"});
  CHECK(chosen(g, {"block1"}) == std::vector<std::string>{"conv1"});  // an alias
  CHECK(chosen(g, {}).empty());
  // A layer without parameters cannot be frozen: more likely a slip.
  CHECK_THROWS_AS((void)chosen(g, {"conv*", "relu1"}), Error);
  CHECK(batch_norms(g) == std::vector<NodeId>{2});
}

TEST_CASE("initialisers: standard deviations of the drawn weights") {
  Graph g({1, 32, 8, 8});
  g.add("conv", std::make_shared<Conv>(64, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("norm", std::make_shared<BatchNorm>());
  const std::pair<InitialWeights, double> cases[] = {
      {InitialWeights::kHe, std::sqrt(2.0 / 288.0)},
      {InitialWeights::kXavier, std::sqrt(2.0 / (288.0 + 576.0))},
      {InitialWeights::kGaussian, 0.01}};
  for (const auto& [how, want] : cases) {
    CHECK(initial_deviation(how, {64, 32, 3, 3}) == doctest::Approx(want));
    const Parameters p = initial_parameters(g, how, 4);
    double sum = 0.0, square = 0.0;
    for (const float w : p.of(1)[0].f32()) {
      sum += static_cast<double>(w);
      square += static_cast<double>(w) * static_cast<double>(w);
    }
    const double n = 64.0 * 288.0;
    // The spread of a standard deviation of 18,432 draws is 0.5 %.
    CHECK(std::sqrt(square / n) == doctest::Approx(want).epsilon(0.02));
    CHECK(std::fabs(sum / n) < 0.03 * want);
    for (const float b : p.of(1)[1].f32()) CHECK(b == 0.0f);
    for (const float gamma : p.of(2)[0].f32()) CHECK(gamma == 1.0f);
  }
}

TEST_CASE(
    "sampler: every picture once an epoch, another order in each, the same from the same seed") {
  const BatchOrder order = BatchOrder::shuffled(103, 10, 5);
  CHECK(order.batches() == 10);
  const auto epoch = [](const BatchOrder& o, std::int64_t e) {
    std::vector<std::int64_t> all;
    for (std::int64_t b = 0; b < o.batches(); ++b) {
      const auto pictures = o.pictures(e, b);
      all.insert(all.end(), pictures.begin(), pictures.end());
    }
    return all;
  };
  const auto first = epoch(order, 0), second = epoch(order, 1);
  CHECK(std::set<std::int64_t>(first.begin(), first.end()).size() == 100);
  CHECK(*std::ranges::max_element(first) <= 102);
  CHECK(first != second);
  // Out of turn, from another object.
  CHECK(BatchOrder::shuffled(103, 10, 5).pictures(1, 4) == order.pictures(1, 4));
  CHECK(epoch(BatchOrder::shuffled(103, 10, 6), 0) != first);
  CHECK_THROWS_AS((void)BatchOrder::shuffled(9, 10, 0), Error);
}

TEST_CASE("sampler: balanced batches have so many classes with so many pictures each") {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 120; ++i)
    labels.push_back(i < 60 ? i % 5 : i % 2 == 0 ? 7 : 9);  // classes 0-4, 7, 9
  const BatchOrder order = BatchOrder::balanced(labels, 4, 3, 8);
  CHECK(order.batch() == 12);
  CHECK(order.batches() == 10);
  std::set<std::int32_t> seen;
  for (std::int64_t b = 0; b < order.batches(); ++b) {
    std::map<std::int32_t, std::set<std::int64_t>> by_class;
    for (const std::int64_t picture : order.pictures(2, b))
      by_class[labels[static_cast<std::size_t>(picture)]].insert(picture);
    CHECK(by_class.size() == 4);
    for (const auto& [label, pictures] : by_class) {
      seen.insert(label);
      CHECK(pictures.size() == 3);  // and all different
    }
  }
  CHECK(seen.size() == 7);
  CHECK(order.pictures(2, 3) == BatchOrder::balanced(labels, 4, 3, 8).pictures(2, 3));
  // A training of today goes on tomorrow: orders are part of what a seed means.
  CHECK(order.pictures(0, 0) ==
        std::vector<std::int64_t>{15, 5, 20, 71, 91, 75, 34, 54, 29, 38, 8, 28});
  CHECK(BatchOrder::shuffled(103, 10, 5).pictures(0, 0) ==
        std::vector<std::int64_t>{67, 61, 15, 86, 31, 10, 48, 17, 98, 64});
  // A class with fewer pictures than asked for gives the same ones again.
  const std::vector<std::int32_t> few{0, 1, 1, 1};
  const auto pictures = BatchOrder::balanced(few, 2, 3, 1).pictures(0, 0);
  CHECK(std::ranges::count(pictures, 0) == 3);
  CHECK_THROWS_AS((void)BatchOrder::balanced(few, 3, 2, 1), Error);
}

TEST_CASE("mixup: shares are of Beta(a, a), images and labels mix alike") {
  for (const float alpha : {0.2f, 1.0f, 4.0f}) {
    CAPTURE(alpha);
    double sum = 0.0, square = 0.0;
    constexpr int kDraws = 4000;
    for (int step = 0; step < kDraws; ++step) {
      const auto s = static_cast<double>(mixup_share(alpha, 3, static_cast<std::uint64_t>(step)));
      CHECK((s >= 0.0 && s <= 1.0));
      sum += s;
      square += (s - 0.5) * (s - 0.5);
    }
    CHECK(sum / kDraws == doctest::Approx(0.5).epsilon(0.03));
    // The variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    CHECK(square / kDraws ==
          doctest::Approx(1.0 / (4.0 * (2.0 * double{alpha} + 1.0))).epsilon(0.06));
  }
  Tensor images = zeros({6, 1, 1, 2});
  std::vector<std::int32_t> labels;
  for (int n = 0; n < 6; ++n) {
    labels.push_back(n);
    images.f32()[static_cast<std::size_t>(2 * n)] =
        images.f32()[static_cast<std::size_t>(2 * n + 1)] = static_cast<float>(n);
  }
  const MixedLabels mixed = mix_batch(images, labels, 1.0f, 4, 9);
  std::set<std::int32_t> partners(mixed.other.begin(), mixed.other.end());
  CHECK(partners.size() == 6);
  for (std::size_t n = 0; n < 6; ++n) {
    const float want = (1.0f - mixed.share[n]) * static_cast<float>(n) +
                       mixed.share[n] * static_cast<float>(mixed.other[n]);
    CHECK(images.f32()[2 * n] == doctest::Approx(want));
  }
}

TEST_CASE("cutout: one square of every image, at its own place") {
  Tensor images = zeros({20, 2, 9, 7});
  std::ranges::fill(images.f32(), 1.0f);
  cut_out(images, 4, 1, 2);
  std::set<std::pair<std::int64_t, std::int64_t>> corners;
  for (std::int64_t n = 0; n < 20; ++n) {
    std::int64_t top = 9, left = 7, bottom = -1, right = -1, gone = 0;
    for (std::int64_t h = 0; h < 9; ++h) {
      for (std::int64_t w = 0; w < 7; ++w) {
        CHECK(images.ref().in().at(n, 0, h, w) == images.ref().in().at(n, 1, h, w));
        if (images.ref().in().at(n, 0, h, w) != 0.0f) continue;
        ++gone;
        top = std::min(top, h), left = std::min(left, w);
        bottom = std::max(bottom, h), right = std::max(right, w);
      }
    }
    CHECK(gone == (bottom - top + 1) * (right - left + 1));
    CHECK((gone >= 4 && gone <= 16));
    corners.emplace(top, left);
  }
  CHECK(corners.size() > 8);
}
