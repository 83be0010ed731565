#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weights/import/source.h"

namespace cutaway::weights {

/// One file that the user named, looked at but not understood yet.
struct Candidate {
  std::string path;
  std::uint64_t bytes{0};
  std::string head;  ///< the first 4096 bytes, or fewer
  bool hdf5{false};  ///< has HDF5's signature, and has been vetted (weights/hdf5_vet.h)

  /// True when the name ends in `extension` (".onnx"), in any case of letters.
  [[nodiscard]] bool named(const char* extension) const;
};

/// A format is one file in weights/import with these two functions, and one line in kFormats.
struct Format {
  const char* name;     ///< "safetensors"
  const char* summary;  ///< for --help: "safetensors (PyTorch names)"
  /// Decides by content; a file's name only where content cannot. Never throws for want of fit.
  bool (*detect)(std::span<const Candidate> files);
  /// Reads structure and architecture, not the numbers. Throws kInput for damage and kUnsupported,
  /// naming every unsupported operator at once.
  Source (*read)(std::span<const Candidate> files);
  /// The same of a model with several outputs, of which the text names one; null: this format's
  /// models have one.
  Source (*read_output)(std::span<const Candidate> files, const std::string& output){nullptr};
};

[[nodiscard]] std::span<const Format> formats();

/// Looks at the files, finds their format and reads it. `format`: a name of the table, or empty for
/// detection. `output`: which of several outputs of the model, or empty where there is one. Throws
/// kInput, saying what the files look like, when no format fits, kUsage for an output in a format
/// that has no choice of them.
[[nodiscard]] Source open_source(const std::vector<std::string>& files,
                                 const std::string& format = {},
                                 const std::string& output = {});

/// What every Candidate knows. Throws kInput for a file that cannot be read.
[[nodiscard]] Candidate look_at(const std::string& path);

/// Has each file that is HDF5 vetted (weights/hdf5_vet.h), `reader` with it. Throws what that
/// throws.
void vet(std::span<const Candidate> files, const std::function<void()>& reader);

}  // namespace cutaway::weights
