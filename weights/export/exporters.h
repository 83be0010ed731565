#pragma once

#include <span>
#include <string>

#include "weights/package.h"

namespace cutaway::weights {

/// A foreign format that packages can be written in: one file in weights/export with this function,
/// and one line in kExporters.
struct Exporter {
  const char* name;       ///< "onnx"
  const char* extension;  ///< ".onnx"
  const char* summary;    ///< for --help
  /// Writes the file whole or not at all. Throws kUnsupported, naming all layers that the format
  /// has no word for.
  void (*write)(const Package& package, const std::string& path);
};

[[nodiscard]] std::span<const Exporter> exporters();

/// The exporter called `format`, or, when that is empty, the one whose extension `path` has. Throws
/// kUsage.
[[nodiscard]] const Exporter& find_exporter(const std::string& path,
                                            const std::string& format = {});

}  // namespace cutaway::weights
