#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cutaway::explain {

/// What is wrong with a result that was computed without an error.
enum class DoubtKind : std::uint8_t {
  kNone,
  kNotFinite,  ///< scores or values overflowed or are NaN: the result means nothing
  kStuck,      ///< an ascent found no direction: the picture shows nothing of what was asked for
  kFlat        ///< one value everywhere, usually 0: there is nothing to see, which may be the truth
};

/// One result's doubt, with a sentence for people; callers print it and let kNotFinite and kStuck
/// count as failures.
struct Doubt {
  DoubtKind kind{DoubtKind::kNone};
  std::string text;

  [[nodiscard]] explicit operator bool() const noexcept { return kind != DoubtKind::kNone; }
  [[nodiscard]] bool meaningless() const noexcept {
    return kind == DoubtKind::kNotFinite || kind == DoubtKind::kStuck;
  }
};

/// kNotFinite, with how many, where values that `what` names are not finite ("class scores").
[[nodiscard]] Doubt doubt_of_values(const std::string& what, std::span<const float> values);
/// Of a map: kNotFinite, or kFlat where it has one value everywhere.
[[nodiscard]] Doubt doubt_of_map(std::span<const float> map);

}  // namespace cutaway::explain
