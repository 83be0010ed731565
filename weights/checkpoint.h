#pragma once

#include <optional>
#include <string>

#include "layers/training/training_state.h"

namespace cutaway::weights {

/// Version of the file format that save_checkpoint() writes and load_checkpoint() reads.
inline constexpr int kCheckpointVersion = 1;

/// Writes a training's state: HDF5 behind a user block of 512 bytes, which holds "cutaway
/// checkpoint", the format's version, the file's size and the XXH64 of all that follows. /state is
/// JSON text, /tensors/<number> the tensors, in float32, each with its name as attribute. Equal
/// states give equal bytes. Atomic: the file appears whole or not at all, and an older one under
/// that name stays until then. Throws kInput when it cannot be written (disk full).
void save_checkpoint(const TrainingState& state, const std::string& path);

/// Reads it back, bit for bit. Size and checksum are verified before HDF5 sees any of it. Throws
/// kInput, naming the file, when it is missing, damaged, cut short or of another version.
[[nodiscard]] TrainingState load_checkpoint(const std::string& path);

/// The checkpoints of one training, in a folder: checkpoint-000000001200.h5 after 1200 updates.
class CheckpointFolder {
 public:
  /// Keeps the `keep` newest; at least 2, so that one that is damaged has one before it.
  explicit CheckpointFolder(std::string folder, int keep = 2);

  /// Writes a new one and then removes those beyond `keep`. Returns its path. Throws kInput when it
  /// cannot be written; the others are then as they were.
  std::string save(const TrainingState& state) const;

  struct Loaded {
    TrainingState state;
    std::string path;
    std::string damaged;  ///< what was wrong with newer ones, a line each; empty: nothing
  };
  /// The newest one that is whole; empty when the folder has no checkpoints. Throws kInput when it
  /// has, and none is whole.
  [[nodiscard]] std::optional<Loaded> load_newest() const;

 private:
  std::string folder_;
  int keep_;
};

}  // namespace cutaway::weights
