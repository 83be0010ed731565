#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weights/import/importer.h"
#include "weights/package.h"

namespace cutaway::weights {

/// What a caller may say about files to be imported; what is left empty is found out.
struct ImportFilesOptions {
  std::string format{};        ///< a name of formats(); for files that their contents do not tell
  std::string output{};        ///< which output of a model that has several, by name
  std::string architecture{};  ///< a name of zoo(), for files that bring none
  std::int64_t classes{0};     ///< of that architecture; 0: as many as the file's last layer has
  std::string
      preprocess{};  ///< a preset (preprocess_presets()), or a file: preprocess_from_file_text()
  std::string labels{};  ///< path of a text, a line a class
  std::string map{};     ///< path of a map, see apply_map()
  ImportOptions weights{};
  /// Written to the package's provenance as what made it.
  std::string command{};
};

/// A net from files of any format that formats() lists, or from a package of this program's own.
/// Files that bring no architecture are tried on all of the zoo; exactly one must fit without a
/// problem, and the report notes that it is a guess. Throws kInput, kUnsupported and kUsage as
/// open_source, fitting_architectures, apply_map and import_weights do; kInput for labels that do
/// not number the classes; kUsage for options that a package of this program's own has no use for
/// (all but `preprocess`, `labels` and `command`, which change the package). `report`: what came
/// from where, if not null.
[[nodiscard]] Package import_files(const std::vector<std::string>& files,
                                   const ImportFilesOptions& options,
                                   ImportReport* report = nullptr);

/// What import_files_into_package has written, but for the parameters.
struct ImportedFiles {
  Package header{Model(Graph(Shape{1, 1, 1, 1}))};  ///< without parameters
  std::string architecture;  ///< its name in the zoo; empty for the file's own
  ImportReport report;
};

/// The same straight into a package file at `target`, in pieces: see import_into_package for
/// memory, threads and `poll`. No file is left behind on failure.
ImportedFiles import_files_into_package(const std::vector<std::string>& files,
                                        const ImportFilesOptions& options,
                                        const std::string& target,
                                        const std::function<void()>& poll = {});

}  // namespace cutaway::weights
