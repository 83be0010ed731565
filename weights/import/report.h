#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cutaway::weights {

/// One parameter that was imported.
struct ImportRow {
  std::string source;          ///< "/data/conv1/0"
  std::string source_extents;  ///< "96x3x11x11"
  std::string dtype;           ///< "float32"
  std::string rule;            ///< what was done: "as is", "axes 3,2,0,1"
  std::string target;          ///< "conv1 weight"
  std::string target_extents;
  double mean{0}, deviation{0};
  std::string checksum;  ///< CRC-32 of the float32 values, 8 hexadecimal digits
};

/// A source tensor that no parameter took, and why that is right.
struct UnusedRow {
  std::string source, extents, dtype, reason;
};

/// What an importer did, for people: nothing is left out of it.
struct ImportReport {
  std::string format;       ///< "caffe-hdf5"
  std::string producer;     ///< what wrote the file, as it says itself; may be empty
  std::string source_file;  ///< without directories; several are joined by " + "
  std::string source_sha256;
  std::vector<ImportRow> rows;
  std::vector<std::string> missing;  ///< targets left at zero because the caller allowed it
  /// What the import changed or guessed, a sentence each: for warnings.
  std::vector<std::string> notes;
  std::vector<UnusedRow> unused;  ///< sources left out because the caller, or the format, allows it
};

/// The report as a table in plain text, one row a parameter.
[[nodiscard]] std::string to_text(const ImportReport& report);
/// The same as a JSON text: an object with all members above.
[[nodiscard]] std::string to_json(const ImportReport& report);

}  // namespace cutaway::weights
