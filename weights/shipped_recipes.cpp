#include <array>

#include "runtime/error.h"
#include "weights/recipe_json.h"

namespace cutaway::weights {
namespace {

constexpr std::array kRecipes{
    ShippedRecipe{"creatures", "a small net with global pooling on rendered creatures", R"({
 "epochs": 8, "batch": 64,
 "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": true, "weight_decay": 5e-4},
 "schedule": {"kind": "cosine", "rate": 0.1, "warmup": 0.5},
 "losses": [{"kind": "cross_entropy", "settings": {"smoothing": 0.05}}],
 "augmentation": {"flip": 0.5, "shift": 8}
})"},
    ShippedRecipe{"finetune", "a pretrained net with a new head, on few pictures", R"({
 "epochs": 12, "batch": 32, "freeze_batch_norm": true,
 "optimizer": {"kind": "sgd", "momentum": 0.9, "weight_decay": 1e-4},
 "schedule": {"kind": "cosine", "rate": 0.01, "warmup": 1},
 "losses": [{"kind": "cross_entropy", "settings": {"smoothing": 0.1}}],
 "augmentation": {"crop": true, "crop_area": [0.35, 1], "flip": 0.5}
})"},
    ShippedRecipe{"mnist", "a LeNet or a small net with global pooling on digits", R"({
 "epochs": 6, "batch": 64,
 "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": true, "weight_decay": 5e-4},
 "schedule": {"kind": "one_cycle", "rate": 0.05},
 "losses": [{"kind": "cross_entropy"}],
 "augmentation": {"shift": 2, "rotation": 8, "scale": [0.92, 1.08]}
})"},
    ShippedRecipe{"zfnet", "as Zeiler and Fergus (2014) trained their net on ImageNet", R"({
 "epochs": 70, "batch": 128, "initial": "gaussian", "filter_radius": 0.1,
 "optimizer": {"kind": "sgd", "momentum": 0.9},
 "schedule": {"kind": "plateau", "rate": 0.01, "factor": 0.1, "patience": 3},
 "losses": [{"kind": "cross_entropy"}],
 "augmentation": {"crop": true, "crop_area": [0.76, 0.78], "crop_aspect": [1, 1], "flip": 0.5}
})"},
};

}  // namespace

std::span<const ShippedRecipe> shipped_recipes() noexcept { return kRecipes; }

Recipe shipped_recipe(std::string_view name) {
  std::string all;
  for (const ShippedRecipe& r : kRecipes) {
    if (r.name == name) return recipe_from_json(r.json);
    all += (all.empty() ? "" : ", ") + std::string(r.name);
  }
  throw Error(ErrorKind::kUsage, "unknown recipe '" + std::string(name) + "'").expected(all);
}

}  // namespace cutaway::weights
