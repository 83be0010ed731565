#pragma once

#include <string>
#include <vector>

#include "explain/report/named_values.h"
#include "explain/visualize/dream.h"
#include "explain/visualize/lucid.h"
#include "layers/attributes.h"

namespace cutaway::explain {

/// How `cutaway visualize` climbs.
enum class AscentMode : std::uint8_t { kLucid, kSimonyan, kYosinski, kPenalized, kDream };

/// Throws kUsage with the modes there are.
[[nodiscard]] AscentMode parse_mode(const std::string& name);
[[nodiscard]] const char* mode_name(AscentMode mode);

/// The options of every mode, with the defaults of their papers; only those of `mode` are used.
struct AscentSettings {
  AscentMode mode{AscentMode::kLucid};
  LucidOptions lucid;
  SimonyanOptions simonyan;
  YosinskiOptions yosinski;
  PenaltyOptions penalized;
  DreamOptions dream;
  /// Pictures show the differences from the mean picture, their 99.5th percentile at full contrast
  /// (reconstruct); the default of yosinski, whose ascent with blur leaves few grey levels
  /// and whose toolbox shows them so.
  bool stretch{false};

  void set_seed(std::uint64_t seed);
  [[nodiscard]] std::int64_t steps() const;
};

/// Reads the mode's options: those that ask for defaults keep them. Throws kUsage for names and
/// values the mode does not take. `steps` 0: the mode's own number. "preset" 1 to 4 of yosinski are
/// the four published settings.
[[nodiscard]] AscentSettings read_settings(AscentMode mode,
                                           std::int64_t steps,
                                           const Attributes& options);
/// All numbers of the mode, for the manifest.
[[nodiscard]] NamedValues fields_of(const AscentSettings& settings);

}  // namespace cutaway::explain
