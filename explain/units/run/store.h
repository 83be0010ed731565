#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "explain/units/top_activations.h"

namespace cutaway::explain {

/// What is shown of one unit: the part of the picture that it sees, and its projection.
struct UnitTile {
  std::vector<float> projection;    ///< C x h x w
  std::vector<std::uint8_t> patch;  ///< h x w x 3
};

/// Extents of one layer in the store.
struct UnitLayerShape {
  std::string name, rules;
  std::int64_t maps{0}, most{0}, channels{0}, height{0}, width{0};
};

/// The HDF5 file of a `units` run. For every layer a group /layers/<layer> ('/' as '_') with
/// attributes layer and rules, and datasets whose first indices are map and place (strongest
/// first):
///   projections   float32   maps x K x C x h x w   NaN where there were fewer than K images
///   patches       uint8     maps x K x h x w x 3
///   value         float32   maps x K
///   image         int64     maps x K               -1 where there were fewer than K images
///   row, column   int64     maps x K
/// Tiles are written in any order and read back one by one, so that memory does not depend on how
/// many there are. Written under a temporary name until close().
class UnitStore {
 public:
  explicit UnitStore(std::string path);
  /// Without close(): what was written is removed.
  ~UnitStore();
  UnitStore(const UnitStore&) = delete;
  UnitStore& operator=(const UnitStore&) = delete;

  /// Returns the layer's number.
  std::size_t add_layer(const UnitLayerShape& shape,
                        const TopActivations& best,
                        std::span<const std::int64_t> maps);
  void write(std::size_t layer, std::int64_t map, std::int64_t place, const UnitTile& tile);
  [[nodiscard]] UnitTile read(std::size_t layer, std::int64_t map, std::int64_t place) const;
  [[nodiscard]] const UnitLayerShape& shape(std::size_t layer) const;
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cutaway::explain
