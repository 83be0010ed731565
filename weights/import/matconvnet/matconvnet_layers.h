#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/image.h"
#include "layers/graph.h"
#include "weights/import/matconvnet/mat_file.h"
#include "weights/import/source.h"

/// Private to weights/import/matconvnet*.cpp.
namespace cutaway::weights {

/// A value of a layer with the name that the report gives it.
struct MatParameter {
  const MatValue* value{};  ///< null: there is none
  std::string name;
};

/// Builds a graph of MatConvNet's layers one by one, and remembers which values become parameters.
/// Both kinds of nets keep a layer's settings in a struct: SimpleNN in the layer's own, DagNN in
/// its `block`.
class MatBuilder {
 public:
  MatBuilder(const Shape& input, const std::string& file) : graph_(input), file_(file) {}

  /// The layer that the functions below build.
  void begin(const std::string& name, const std::string& type, const MatValue& settings);
  NodeId conv(NodeId in, const MatParameter& filters, const MatParameter& biases);
  /// `size` names the setting that holds the window.
  NodeId pool(NodeId in, const char* size);
  NodeId relu(NodeId in);
  NodeId lrn(NodeId in);
  NodeId dropout(NodeId in);
  NodeId softmax(NodeId in);
  /// moments: C x 2, mean and standard deviation (with epsilon in it) of every channel.
  NodeId batch_norm(NodeId in,
                    const MatParameter& gain,
                    const MatParameter& bias,
                    const MatParameter& moments);
  NodeId sum(const std::vector<NodeId>& in);
  NodeId concat(const std::vector<NodeId>& in);
  /// Notes that the layer cannot be built; stop() throws kUnsupported with all such notes.
  void complain(const std::string& what);
  void stop() const;

  [[nodiscard]] Graph& graph() noexcept { return graph_; }
  /// A value that no parameter took, so that the importer misses nothing.
  void add_unused(const MatParameter& value);
  /// True when a parameter took it.
  [[nodiscard]] bool took(const std::string& name) const;
  /// Moves graph, tensors, readers and bindings into `source`.
  void finish(Source& source, std::vector<Exemption> unused);

 private:
  /// `pad`: rows before and behind, columns before and behind, as a layer of its own.
  NodeId padded(NodeId in, std::span<const std::int64_t> pad, kernels::PadMode mode);

  struct Tap {
    NodeId node{0};
    std::size_t parameter{0};
    std::string tensor;
    bool filters{false};
  };

  NodeId add(LayerPtr layer, std::vector<NodeId> inputs);
  void add_tensor(const std::string& name,
                  const MatValue& value,
                  Extents extents,
                  std::function<void(std::span<float>)> read);
  void take(const MatParameter& value, std::size_t parameter, Extents extents);
  std::vector<std::int64_t> spread(const char* name,
                                   std::size_t count,
                                   std::int64_t otherwise,
                                   std::int64_t least);
  [[nodiscard]] const MatValue* numbers(const char* name, std::int64_t count) const;

  Graph graph_;
  std::string file_, name_, type_;
  const MatValue* settings_{};
  std::vector<std::string> complaints_, taken_;
  std::vector<SourceTensor> tensors_;
  std::vector<std::function<void(std::span<float>)>> reads_;
  std::vector<Tap> taps_;
};

/// A text field of a struct; empty when there is none.
[[nodiscard]] std::string mat_text(const MatValue& value, const char* name);

}  // namespace cutaway::weights
