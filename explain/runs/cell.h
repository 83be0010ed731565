#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/render/normalize.h"
#include "explain/report/named_values.h"

namespace cutaway::explain {

/// One map of one image, with all that is needed to paint, file and read it.
struct MapCell {
  std::string method, layer;
  std::string target;      ///< the rule's word: "top1", "label", "predicted", "difference"
  std::string class_name;  ///< class or unit explained
  std::int64_t class_index{-1};
  bool unit{false};  ///< class_index is a channel of the layer
  std::string note;  ///< for people: unit and position, parameters
  /// Options that differ from those of the method's first map, and what was measured.
  NamedValues varies;
  MapKind kind{MapKind::kHeat};
  std::int64_t channels{0}, height{0}, width{0};
  /// channels x height x width; empty: there is no map, and `warning` says why.
  std::vector<float> values;
  std::string warning;
  bool refused{false};  ///< the map could not be made, or means nothing; `warning` says why
  /// A scale shared with other maps of the same image ("predicted" and "expected").
  std::optional<Limits> limits{};
  std::string file;     ///< raw map, relative to the output folder; may be empty
  std::string picture;  ///< the same of its picture where there is no raw map beside it
  std::uint64_t file_bytes{0};

  /// Column of the report and data set of the pack: the same for every image of a run.
  [[nodiscard]] std::string column() const { return method + "__" + layer + "__" + target; }
};

}  // namespace cutaway::explain
