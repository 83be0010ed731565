#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/model.h"
#include "layers/relu.h"

namespace cutaway::tests {

/// A random network: chains, branches, residual sums, nested concatenations, identities and
/// in-place layers, values with several readers; then a classifier. Channel counts are odd, blocks,
/// or in between.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed)
      : random_(seed), graph_(Shape{1, pick({1, 3, 16, 20}), 9, 8}) {
    const int count = static_cast<int>(pick({4, 8, 14}));
    for (int i = 0; i < count; ++i) grow();
    const NodeId last = graph_.last();
    if (pick({0, 1}) == 0) {
      add(std::make_shared<GlobalAveragePool>(), {last});
    } else {
      add(std::make_shared<Flatten>(), {last});
    }
    add(std::make_shared<Dropout>(0.5f), {graph_.last()});
    add(std::make_shared<Dense>(5), {graph_.last()});
  }

  [[nodiscard]] Model model() const {
    Model m(graph_);
    m.parameters = Parameters::initialized(graph_, 9);
    return m;
  }
  /// A node, any but the input.
  NodeId some() { return std::uniform_int_distribution<NodeId>(1, graph_.last())(random_); }
  std::int64_t pick(std::initializer_list<std::int64_t> choices) {
    const auto i = std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random_);
    return choices.begin()[i];
  }

 private:
  NodeId add(LayerPtr layer, std::vector<NodeId> inputs) {
    const std::string name = std::string(layer->type()) + std::to_string(graph_.size());
    return graph_.add(name, std::move(layer), std::move(inputs));
  }
  /// Nodes with the rows and columns of `like`, and with its channels too if asked.
  NodeId partner(NodeId like, bool same_channels) {
    std::vector<NodeId> all;
    const Shape& s = graph_.node(like).shape;
    for (NodeId id = 0; id < graph_.size(); ++id) {
      const Shape& t = graph_.node(id).shape;
      if (t.h == s.h && t.w == s.w && (!same_channels || t.c == s.c)) all.push_back(id);
    }
    return all[std::uniform_int_distribution<std::size_t>(0, all.size() - 1)(random_)];
  }
  void grow() {
    // Mostly on the newest value, sometimes on an old one.
    NodeId from = graph_.last();
    if (pick({0, 0, 1}) == 1) from = partner(from, false);
    const std::int64_t channels = pick({3, 8, 16, 17, 32});
    switch (pick({0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 5, 6, 7, 8})) {
      case 0:
        add(std::make_shared<Conv>(channels, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}),
            {from});
        break;
      case 1:
        add(std::make_shared<Relu>(), {from});
        break;
      case 2:
        add(std::make_shared<BatchNorm>(), {from});
        break;
      case 3:
        add(std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 1, 1, 1, 1}, true), {from});
        break;
      case 4:
        add(std::make_shared<Add>(), {from, partner(from, true)});
        break;
      case 5:
        if (pick({0, 1}) == 0) {
          add(std::make_shared<Concat>(), {from, partner(from, false)});
        } else {
          add(std::make_shared<Concat>(), {partner(from, false), from, partner(from, false)});
        }
        // Keep nested concatenations from growing without end.
        if (graph_.node(graph_.last()).shape.c > 120)
          add(std::make_shared<Conv>(16, kernels::ConvGeometry{}), {graph_.last()});
        break;
      case 6:
        add(std::make_shared<Dropout>(0.25f), {from});
        break;
      case 7:
        add(std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}), {from});
        break;
      default:
        if (graph_.node(from).shape.h >= 4) {
          add(std::make_shared<AveragePool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, true, false),
              {from});
        }
    }
  }

  std::mt19937 random_;
  Graph graph_;
};

}  // namespace cutaway::tests
