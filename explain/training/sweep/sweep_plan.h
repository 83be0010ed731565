#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/training/run/start_net.h"
#include "layers/training/recipe.h"

namespace cutaway::training {

/// One net, and how it is trained, of those that are compared.
struct SweepVariant {
  std::string name;
  NetRequest net;
  Recipe recipe;  ///< its seed is that of the run
};

/// Where objects are, for the localisation of each trained net.
struct SweepTruth {
  std::vector<std::string> data;  ///< pictures, folders, lists
  std::string boxes;              ///< explain/localization/run/truth.h
  std::string method{"gradcam"};
};

/// Variants of a net, each trained once a seed.
struct SweepPlan {
  std::vector<std::uint64_t> seeds;
  std::vector<SweepVariant> variants;
  std::optional<SweepTruth> truth;
};

/// Reads
///   {"seeds": [1, 2, 3], "net": "zfnet.json", "recipe": {"epochs": 5},
///    "localize": {"data": ["test"], "boxes": "test/truth.json", "method": "cam"},
///    "variants": [{"name": "whole"},
///                 {"name": "without conv4", "remove": ["conv4", "relu4"]},
///                 {"name": "11x11", "change": {"conv1": {"kernel": 11, "stride": 4}}},
///                 {"name": "half", "widen": {"conv3": 0.5}},
///                 {"name": "maximum", "head": "gmp", "from": "conv5"},
///                 {"name": "pull", "recipe": {"losses": [...]}}]}
/// A variant may name a "net" of its own. Recipes hold settings as recipe files do
/// (weights/recipe_json.h); they change `base`, first the common one, then the variant's. Paths are
/// relative to `folder`. Throws kInput, naming the member, for what is missing, unknown or of another
/// type, and for two variants of one name.
[[nodiscard]] SweepPlan sweep_plan(std::string_view text,
                                   const std::string& folder,
                                   const Recipe& base);
/// The same of a file of at most 1 MiB; errors name it.
[[nodiscard]] SweepPlan load_sweep(const std::string& path, const Recipe& base);

}  // namespace cutaway::training
