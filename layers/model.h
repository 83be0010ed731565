#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "layers/graph.h"
#include "runtime/tensor.h"

namespace cutaway {

/// Transformed weights, shared by every executor of a model: a Winograd transform of VGG-16's
/// weights takes 235 MB, so two batch sizes must not hold two. Thread-safe.
class WeightCache {
 public:
  using Entry = std::shared_ptr<const Buffer>;
  /// The entry of `key`, made by `make(buffer)` in a buffer of `bytes` if it is not there yet.
  /// `key` names the parameter, its version and the format.
  template <class Make>
  Entry get(const std::string& key, Device device, std::size_t bytes, const Make& make) {
    const std::lock_guard lock(mutex_);
    auto& slot = entries_[key + "@" + to_string(device)];
    if (Entry entry = slot.lock()) return entry;
    auto buffer = std::make_shared<Buffer>(device, bytes);
    make(buffer->data());
    slot = buffer;
    return buffer;
  }

 private:
  std::mutex mutex_;
  // Weak: an entry lives as long as some plan uses it.
  std::unordered_map<std::string, std::weak_ptr<const Buffer>> entries_;
};

/// The parameters of a graph: plain CPU tensors, in the order of Graph::parameters(node).
class Parameters {
 public:
  Parameters() = default;
  /// Allocates every parameter of `graph`, filled as its initializer says (He: drawn from `seed`).
  static Parameters initialized(const Graph& graph, std::uint64_t seed);
  /// Allocates every parameter of `graph`, filled with zeros.
  static Parameters zeroed(const Graph& graph);

  /// The parameters of another graph whose node i is node `nodes[i]` of this one's (-1: it has
  /// none). Both share the same memory: neither may be trained while the other is used.
  [[nodiscard]] Parameters shared(std::span<const NodeId> nodes) const;

  [[nodiscard]] std::span<const Tensor> of(NodeId node) const;
  [[nodiscard]] std::span<Tensor> of(NodeId node);
  [[nodiscard]] Parameters clone() const { return to(kCpuDevice); }
  /// A copy on another (or the same) device.
  [[nodiscard]] Parameters to(Device device) const;

  /// Whoever changes a parameter says so, and transformed copies are made anew.
  void touch() noexcept { ++version_; }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  /// Names a node's parameters and their version in a WeightCache; shared parameters keep their
  /// name.
  [[nodiscard]] std::string key(NodeId node) const;

 private:
  struct Slot {
    std::shared_ptr<std::vector<Tensor>> tensors{std::make_shared<std::vector<Tensor>>()};
    NodeId origin{-1};  // the node they were made for
  };
  [[nodiscard]] const Slot& slot(NodeId node) const;

  std::vector<Slot> slots_;
  std::uint64_t version_{0};
};

/// A network: what it computes and with which numbers.
struct Model {
  Graph graph;
  Parameters parameters;
  std::shared_ptr<WeightCache> cache{std::make_shared<WeightCache>()};

  explicit Model(Graph g) : graph(std::move(g)) {}
  Model(Graph g, Parameters p) : graph(std::move(g)), parameters(std::move(p)) {}
  Model(Graph g, Parameters p, std::shared_ptr<WeightCache> c)
      : graph(std::move(g)), parameters(std::move(p)), cache(std::move(c)) {}
};

}  // namespace cutaway
