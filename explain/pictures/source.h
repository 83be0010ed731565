#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "explain/pictures/list.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// Pictures one after the other, from wherever they come. Nothing but the names of a folder and the
/// text of a list is ever held; contents are read when they are asked for.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// The next entry; false at the end. `content` false: only its name, label and columns are
  /// wanted. What cannot be read is an entry with an error: damage ends one input, never the run.
  virtual bool next(ImageEntry& entry, bool content = true) = 0;
  /// How many entries there are in all; empty when only reading everything would tell.
  [[nodiscard]] virtual std::optional<std::int64_t> count() const = 0;
};

using ImageSourcePtr = std::unique_ptr<ImageSource>;

struct SourceOptions {
  bool recursive{false};  ///< folders: with those below them
  /// A folder that holds no inputs, though one of them may hold it: where the run writes.
  std::string without{};
  bool null_separated{false};  ///< standard input: paths end in NUL, not in a line feed
  int standard_input{0};       ///< its descriptor
  /// Of the net that they are for: a list or HDF5 file with labels beyond is refused. 0: not known.
  std::int64_t classes{0};
  /// May cancel the reading of standard input; outlives the source.
  const Observer* observer{&silent_observer()};
};

/// Each input is a picture, a folder, a list (*.csv, *.txt), an archive (*.tar, *.tar.gz, *.tgz),
/// an HDF5 file (*.h5,
/// *.hdf5) or "-": paths of pictures on standard input, one a line. A folder with a labels.csv and
/// no pictures of its own is read through that list. Lists are checked to their end and archives at
/// their beginning. Throws kUsage without inputs or with "-" twice, and kInput when an input does
/// not exist or is not what its name says.
[[nodiscard]] ImageSourcePtr open_images(std::span<const std::string> inputs,
                                         const SourceOptions& options = {});

/// Pictures in a tar archive: its regular members named as pictures are, hidden ones left out;
/// `name` is the member's. Members beyond 64 MiB are entries with an error.
[[nodiscard]] ImageSourcePtr open_tar(const std::string& path);

/// Pictures in HDF5: dataset /images, uint8, n x h x w x 3 (RGB), n x h x w x 1 or n x h x w
/// (grey); perhaps /labels and /expected, n integers each (negative: unknown). Names are
/// FILE/NUMBER. The file is vetted first (weights/hdf5_vet.h), and holds against its storage what
/// it claims to hold.
[[nodiscard]] ImageSourcePtr open_hdf5_images(const std::string& path, std::int64_t classes = 0);

/// Paths on an open descriptor, one a line, or each before a NUL. Blank lines are skipped. Reading
/// throws Cancelled when a signal has interrupted it and `observer`, which outlives the source, has
/// cancelled.
[[nodiscard]] ImageSourcePtr open_path_stream(int descriptor,
                                              bool null_separated,
                                              const Observer& observer = silent_observer());

}  // namespace cutaway::explain
