#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/graph.h"
#include "weights/import/file_digest.h"
#include "weights/import/transform.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

enum class ElementType : std::uint8_t {
  kF16,
  kBf16,
  kF32,
  kF64,
  kU8,
  kI8,
  kI16,
  kI32,
  kI64,
  kOther
};
[[nodiscard]] const char* to_string(ElementType type);
/// Bytes an element takes in the file; 0 for kOther.
[[nodiscard]] std::size_t size_of(ElementType type);
[[nodiscard]] bool is_floating(ElementType type);

/// Little-endian elements in the file as float32. `from` has size_of(type) bytes for each of `to`.
void to_f32(ElementType type, std::span<const std::byte> from, std::span<float> to);

/// One tensor of a foreign file. Nothing of it has been read.
struct SourceTensor {
  std::string name;
  Extents extents;
  ElementType type{ElementType::kF32};
};

/// Where a parameter comes from.
struct Binding {
  NodeId node{0};
  std::size_t parameter{0};          ///< index in Graph::parameters(node)
  std::vector<std::string> sources;  ///< names, best first: the first that the file has is taken
  Transform transform{};
  std::vector<Extents> also{};  ///< further extents that mean the same after the axes' permutation
  /// Instead of a source: the value of every element, or one value an element.
  std::vector<float> values{};
  bool may_share{false};  ///< the source may serve other parameters too
};

/// Source tensors that may stay unused, and why, for the report.
struct Exemption {
  std::string pattern;  ///< see matches_pattern()
  std::string reason;
};

struct Bindings {
  std::vector<Binding> list;
  std::vector<Exemption> unused;
};

/// A foreign model as every reader presents it: named tensors, and, where the file has one, the
/// architecture. Reading a format means filling in one of these (weights/import/formats.h).
struct Source {
  std::string format;    ///< "safetensors"
  std::string producer;  ///< what wrote it, as it says itself; may be empty
  /// All files that were read; their SHA-256 goes into the provenance.
  std::vector<std::string> files;
  std::vector<SourceTensor> tensors;
  std::optional<Graph> graph;            ///< the architecture, if the file has one
  std::optional<Preprocess> preprocess;  ///< likewise
  std::vector<std::string> labels;       ///< likewise
  /// What reading it changed or had to guess, a sentence each; for the report.
  std::vector<std::string> notes{};
  bool rgb{false};  ///< the framework's nets take RGB: an architecture's BGR default would be wrong
  /// Reads tensor i as float32 in C order; `to` has count_of(extents) elements.
  std::function<void(std::size_t i, std::span<float> to)> read;
  /// Reads elements `first` to `first + to.size()` of tensor i, in C order, without the rest.
  /// False, and nothing is read, where that cannot be done; null: never.
  std::function<bool(std::size_t i, std::int64_t first, std::span<float> to)> read_part;
  /// The checksums that the only file of `files` stores of its tensors, which read_part leaves out.
  std::vector<StoredSum> sums;
  /// Which tensor is which parameter of a graph. `architecture` is its name in the zoo, or empty
  /// for the file's own graph. Parameters that it leaves out are reported as missing.
  std::function<Bindings(const Graph& graph, const std::string& architecture)> bind;
};

/// True when `name` is `pattern`, lies below it ("/data/loss1" covers "/data/loss1/0", "aux1"
/// covers "aux1.fc.weight"), or fits it with '*' standing for any characters.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace cutaway::weights
