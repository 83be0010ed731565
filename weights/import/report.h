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
  std::string rule;            ///< what was done: "as is", "O x I -> O x I x 1 x 1"
  std::string target;          ///< "conv1 weight"
  std::string target_extents;
  double mean{0}, deviation{0};
  std::string checksum;  ///< XXH64 of the float32 values, 16 hexadecimal digits
};

/// What an importer did, for people: nothing is left out of it.
struct ImportReport {
  std::string format;       ///< "caffe-hdf5"
  std::string source_file;  ///< without directories
  std::string source_sha256;
  std::vector<ImportRow> rows;
  std::vector<std::string> missing;  ///< targets left at zero because the caller allowed it
  std::vector<std::string>
      ignored;  ///< sources left out because the caller, or the format, allows it
};

/// The report as a table in plain text, one row a parameter.
[[nodiscard]] std::string to_text(const ImportReport& report);

}  // namespace cutaway::weights
