#pragma once

#include <string>
#include <string_view>

#include "weights/preprocess.h"

namespace cutaway::weights {

/// Preprocessing as JSON text, as packages and manifests hold it.
[[nodiscard]] std::string to_json(const Preprocess& p);
/// The inverse. Throws kInput, naming the member, on a missing, unknown or mistyped one, on a rule
/// this version does not know, on extents outside 1..65536 where the rule needs them, and on a std
/// of 0.
[[nodiscard]] Preprocess preprocess_from_json(std::string_view text);

/// What a person may write in a file, too: the object above; a flat one with the names that
/// `cutaway info` prints ("order": "BGR", "resize": "short_side", "short_side": 256, "crop_width":
/// 224, ...); an object with one of these as its member "preprocess" or "preprocessing"; or info's
/// own lines, "preprocess order: BGR". Throws as preprocess_from_json does.
[[nodiscard]] Preprocess preprocess_from_file_text(std::string_view text);

/// Throws kInput where a value could not be used (see above): checked before a package is written.
void validate(const Preprocess& p);

/// Whether pixels of 0 to 255 become numbers within a million, and different ones. A scale of 3e38
/// or a deviation of 1e-45 leaves nothing that a network could tell apart.
[[nodiscard]] bool has_range(const Preprocess& p);
inline constexpr const char* kRangeExpected =
    "numbers that bring pixels of 0 to 255 to between -1e6 and 1e6, and black from white";

}  // namespace cutaway::weights
