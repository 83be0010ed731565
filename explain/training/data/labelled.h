#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

/// Labelled pictures for training and for measuring what was trained.
namespace cutaway::training {

/// Pictures at random access. Only where they are is held, never what they show.
class PictureStore {
 public:
  PictureStore() = default;
  PictureStore(const PictureStore&) = delete;
  PictureStore& operator=(const PictureStore&) = delete;
  virtual ~PictureStore() = default;
  /// Decodes picture `place`; several threads may call it at once. Throws kInput, kUnsupported and
  /// kMemory as explain::decode_image does.
  [[nodiscard]] virtual explain::Image read(std::int64_t place) const = 0;
};

/// What a data set itself says a picture is for.
enum class Split : std::uint8_t { kTrain, kValidation, kTest };
/// "train", "validation", "test".
[[nodiscard]] const char* to_string(Split split);
/// Also "training", "val" and "valid". Throws kInput for anything else.
[[nodiscard]] Split parse_split(const std::string& name);

struct LabelledPicture {
  std::string name;       ///< for people
  std::int32_t label{0};  ///< index of its class
  Split split{Split::kTrain};
  std::int64_t place{0};  ///< in the store
};

struct LabelledSet {
  std::vector<std::string> classes;
  std::vector<LabelledPicture> pictures;
  std::shared_ptr<const PictureStore> store;

  [[nodiscard]] explain::Image read(std::int64_t picture) const {
    return store->read(pictures[static_cast<std::size_t>(picture)].place);
  }
};

/// Keeps the pictures of these classes, which are numbered in this order from then on. Throws
/// kUsage, with the nearest names, for a class that the set does not have or that is named twice.
void keep_classes(LabelledSet& set, const std::vector<std::string>& names);

}  // namespace cutaway::training
