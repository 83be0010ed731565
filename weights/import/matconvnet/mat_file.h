#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weights/import/binary_file.h"
#include "weights/import/transform.h"

namespace cutaway::weights {

/// One value of a MAT-file, as a tree. Numbers stay in the file (or in the inflated bytes) until
/// they are asked for.
struct MatValue {
  enum class Kind : std::uint8_t { kNumbers, kText, kCell, kStruct, kOther };
  Kind kind{Kind::kOther};
  std::string name;
  std::vector<std::int64_t> extents;  ///< MATLAB's: the first index runs fastest
  std::string text;                   ///< kText, one line
  std::vector<MatValue> cells;        ///< kCell: in MATLAB's order
  /// kStruct: element k's fields.
  std::vector<std::map<std::string, MatValue>> structs;
  /// kNumbers: where they lie.
  std::uint64_t offset{0}, bytes{0};
  std::uint8_t type{0};  ///< of the stored numbers (MAT-file format, table 1-1)
  std::shared_ptr<const BinaryFile> data;
  std::function<void(std::span<float>)> reader{};  ///< kNumbers that lie elsewhere: reads them

  [[nodiscard]] std::int64_t count() const;
  /// The numbers as float32, in the stored order (first index fastest). Throws kInput for anything
  /// else.
  void read(std::span<float> to) const;
  [[nodiscard]] std::vector<float> numbers(std::size_t most) const;
  /// Field of a 1 x 1 struct (or of element 0); null when there is none.
  [[nodiscard]] const MatValue* field(const std::string& name) const;
};

/// Reads a MAT-file of level 5 (MATLAB 5 to 7.2, `save -v6` and `-v7`; what SciPy writes): all
/// variables, structure only. Little-endian; compressed variables are inflated in memory. Throws
/// kInput for damage, nesting deeper than 16, more than 1000000 values, names longer than 63, and
/// variables that inflate to more than 64 MiB and 16 times the file; kUnsupported for level 4,
/// big-endian, objects and function handles only where they are used.
[[nodiscard]] std::vector<MatValue> read_mat_file(std::shared_ptr<const BinaryFile> file);

/// True when the first 128 bytes are those of a level 5 file.
[[nodiscard]] bool is_mat_file(const std::string& head);

}  // namespace cutaway::weights
