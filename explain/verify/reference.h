#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "layers/attributes.h"
#include "runtime/tensor.h"

namespace cutaway::weights {
class Hdf5File;
}

namespace cutaway::explain {

/// What a recorded tensor is.
enum class ReferenceKind : std::uint8_t {
  kInput,       ///< the network input that preprocessing makes of a picture
  kActivation,  ///< output of a layer
  kGradient,    ///< gradient of the score at a layer's output
  kMap          ///< result of a method
};

struct ReferenceItem {
  ReferenceKind kind{ReferenceKind::kActivation};
  std::string dataset;  ///< "/activations/conv1"
  std::string name;     ///< of the layer, or of the map
};

/// How a map was made.
struct MapRecipe {
  std::string method, layer;  ///< layer: empty where the method chooses
  Attributes options;
};

/// A reference bundle: what another framework computed for some inputs (docs/verify.md has the
/// format). The file is vetted and listed when it is opened; tensors are read one by one.
class Reference {
 public:
  /// Throws kInput when the file is no bundle: names what is missing or not understood.
  explicit Reference(const std::string& path);
  ~Reference();
  Reference(Reference&&) noexcept;
  Reference& operator=(Reference&&) noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// What recorded it, as it says itself.
  [[nodiscard]] const std::string& producer() const noexcept { return producer_; }
  /// In the order of the file: kinds as in ReferenceKind, names in alphabetical order.
  [[nodiscard]] const std::vector<ReferenceItem>& items() const noexcept { return items_; }
  [[nodiscard]] const Tensor& input() const noexcept { return input_; }
  /// The class of each image whose score gradients and maps belong to; empty when there are
  /// neither.
  [[nodiscard]] const std::vector<std::int64_t>& targets() const noexcept { return targets_; }
  /// The node whose targeted channels the gradients are of; empty: the class scores before softmax.
  [[nodiscard]] const std::string& score() const noexcept { return score_; }

  /// N x C x H x W; vectors have H = W = 1, maps without a channel C = 1. Throws kInput when the
  /// dataset is damaged, no tensor, or not of as many images as the input.
  [[nodiscard]] Tensor read(const ReferenceItem& item) const;
  [[nodiscard]] MapRecipe recipe(const ReferenceItem& map) const;
  /// The pictures (N x H x W x 3, RGB, 0..255) that the input was made of; empty when there are
  /// none.
  [[nodiscard]] std::optional<Tensor> pictures() const;

 private:
  [[nodiscard]] Tensor tensor(const std::string& dataset, bool map) const;
  void open();
  void list();
  void read_targets();

  std::string path_, producer_, score_;
  std::unique_ptr<weights::Hdf5File> file_;
  std::vector<ReferenceItem> items_;
  std::vector<std::int64_t> targets_;
  Tensor input_;
};

}  // namespace cutaway::explain
