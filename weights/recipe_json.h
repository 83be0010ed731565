#pragma once

#include <span>
#include <string>
#include <string_view>

#include "layers/training/recipe.h"

namespace cutaway::weights {

/// A recipe as JSON text, every setting written out: what each run keeps of itself.
[[nodiscard]] std::string to_json(const Recipe& recipe);

/// The inverse. Settings that are left out keep their defaults. Throws kInput, naming the setting,
/// for unknown ones and for values of another type, kUsage for values out of range.
[[nodiscard]] Recipe recipe_from_json(std::string_view text);

/// Reads a recipe from a file of at most 1 MiB; errors name the file.
[[nodiscard]] Recipe load_recipe(const std::string& path);

/// A recipe that ships with the library.
struct ShippedRecipe {
  std::string_view name, summary, json;
};
[[nodiscard]] std::span<const ShippedRecipe> shipped_recipes() noexcept;
/// Throws kUsage, naming those there are.
[[nodiscard]] Recipe shipped_recipe(std::string_view name);

}  // namespace cutaway::weights
