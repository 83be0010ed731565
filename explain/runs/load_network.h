#pragma once

#include <cstdint>
#include <string>

#include "explain/pictures/source.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What is to be done with a package.
enum class Use : std::uint8_t {
  kPictures,  ///< give it pictures: it must say how they become its input
  kStructure  ///< look at it, or feed it tensors
};

/// `options` that refuse labels which are none of the network's classes.
[[nodiscard]] SourceOptions with_classes(SourceOptions options, const weights::Package& package);

/// Loads a package; what is no package gets a hint to convert it first.
[[nodiscard]] weights::Package load_network(const std::string& path, Use use = Use::kPictures);

/// "tench, Tinca tinca" for "n01440764 tench, Tinca tinca"; the number when there are no labels.
[[nodiscard]] std::string label_name(const weights::Package& package, std::int64_t label);

}  // namespace cutaway::explain
