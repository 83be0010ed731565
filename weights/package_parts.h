#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/package.h"

/// What writing and reading a package share; private to weights/package*.cpp.
namespace cutaway::weights::parts {

inline constexpr std::size_t kBlock = 512;  ///< bytes of the user block
inline constexpr std::size_t kMostText = std::size_t{32} << 20;

/// The text of the user block: exactly kBlock bytes.
[[nodiscard]] std::string user_block(std::uint64_t file_bytes, std::uint64_t checksum);

struct Checked {
  std::uint64_t bytes;
  std::uint64_t checksum;  ///< XXH64 of everything behind the user block
};
/// Reads the whole file once. Throws kInput when it cannot be read.
[[nodiscard]] Checked checksum_behind_block(const std::string& path);

/// Where a parameter stands, and of which node it is.
struct Place {
  NodeId node;
  std::size_t index;
  ParameterSpec spec;
  std::string dataset;             ///< "/parameters/inception_3a/1x1/weight"
  std::vector<std::int64_t> dims;  ///< extents in the file
};
/// All parameters of a graph in order. Throws kInput when a node's name cannot be a path or two
/// collide.
[[nodiscard]] std::vector<Place> places(const Graph& graph);

[[nodiscard]] std::string to_json(const Provenance& p);
[[nodiscard]] Provenance provenance_from_json(std::string_view text);

/// Throws kInput when labels or preprocessing do not fit the graph.
void check_fit(const Graph& graph,
               const Preprocess& preprocess,
               const std::vector<std::string>& labels);

}  // namespace cutaway::weights::parts
