#include "weights/recipe_json.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

/// Every setting away from its default.
Recipe full_recipe() {
  Recipe r;
  r.epochs = 33;
  r.batch = 48;
  r.balanced_classes = 8;
  r.balanced_each = 4;
  r.seed = 0xFFFFFFFFFFFFFFFFu;  // beyond what a double holds
  r.validation = 0.25;
  r.optimizer = {
      OptimizerOptions::Kind::kAdamW, 0.8f, 0.99f, 1e-6f, true, 1e-4f, 2e-4f, 3e-4f, 5.0f, 0.1f};
  r.schedule = {ScheduleOptions::Kind::kOneCycle,
                0.3f,
                1.5,
                0.2f,
                7.5,
                {1.0, 2.5},
                0.01f,
                0.4,
                10.0f,
                20.0f,
                3,
                1e-3};
  r.losses = {LossSpec{},
              LossSpec{"pull_push",
                       0.1f,
                       {{"masked", true}, {"margin", 0.25}, {"features", std::string("flat")}}}};
  r.mixup = 0.2f;
  r.cutout = 8;
  r.augmentation = {true,         {0.3f, 0.9f}, {0.8f, 1.2f}, 0.5f, 4,
                    {0.9f, 1.1f}, 15.0f,        0.1f,         0.2f, 0.3f};
  r.initial = InitialWeights::kXavier;
  r.freeze = {"conv1*", "norm?"};
  r.freeze_batch_norm = true;
  r.average_decay = 0.999f;
  r.filter_radius = 0.1;
  return r;
}

Error error_of(const std::string& text) {
  try {
    (void)recipe_from_json(text);
  } catch (const Error& error) {
    return error;
  }
  FAIL("accepted: " << text);
  return {ErrorKind::kInternal, ""};
}

}  // namespace

TEST_CASE("recipes: text and back keeps every setting") {
  const Recipe r = full_recipe();
  const std::string text = to_json(r);
  const Recipe back = recipe_from_json(text);
  CHECK(to_json(back) == text);
  CHECK(text != to_json(Recipe{}));
  CHECK(back.seed == r.seed);
  CHECK(back.optimizer.kind == r.optimizer.kind);
  CHECK(back.optimizer.clip_value == r.optimizer.clip_value);
  CHECK(back.schedule.kind == r.schedule.kind);
  CHECK(back.schedule.milestones == r.schedule.milestones);
  CHECK(back.schedule.final_divisor == r.schedule.final_divisor);
  CHECK(back.augmentation == r.augmentation);
  CHECK(back.freeze == r.freeze);
  REQUIRE(back.losses.size() == 2);
  CHECK(back.losses[1].weight == 0.1f);
  CHECK(back.losses[1].settings.flag("masked", false));
  CHECK(back.losses[1].settings.number("margin", 0.0) == 0.25);
  CHECK(back.losses[1].settings.text("features", "") == "flat");
  // Floats are written as people write them.
  CHECK(text.find("\"momentum\": 0.8,") != std::string::npos);
  CHECK(text.find("\"average_decay\": 0.999,") != std::string::npos);
}

TEST_CASE("recipes: what is left out keeps its default") {
  CHECK(to_json(recipe_from_json("{}")) == to_json(Recipe{}));
  const Recipe r = recipe_from_json(R"({"epochs": 3, "schedule": {"kind": "step", "rate": 0.5}})");
  CHECK(r.epochs == 3);
  CHECK(r.schedule.rate == 0.5f);
  CHECK(r.schedule.factor == 0.1f);
  CHECK(r.batch == 64);
}

TEST_CASE("recipes: errors name the setting") {
  const std::pair<const char*, const char*> bad[] = {
      {R"({"epoch": 3})", "epoch"},
      {R"({"schedule": {"rates": 0.5}})", "rates"},
      {R"({"optimizer": {"kind": "rmsprop"}})", "rmsprop"},
      {R"({"optimizer": 3})", "optimizer"},
      {R"({"epochs": "three"})", "epochs"},
      {R"({"epochs": 1.5})", "epochs"},
      {R"({"epochs": -1})", "epochs"},
      {R"({"seed": -1})", "seed"},
      {R"({"freeze_batch_norm": 1})", "freeze_batch_norm"},
      {R"({"freeze": "conv1"})", "freeze"},
      {R"({"freeze": [1]})", "freeze"},
      {R"({"mixup": 1e999})", "JSON"},
      {R"({"augmentation": {"scale": [1, 0.5]}})", "scale"},
      {R"({"augmentation": {"scale": [1]}})", "scale"},
      {R"({"losses": []})", "losses"},
      {R"({"losses": [{"weight": 1}]})", "kind"},
      {R"({"losses": [{"kind": "triplet", "setting": {}}]})", "setting"},
      {R"({"losses": [{"kind": "triplet", "settings": {"margin": [1]}}]})", "margin"},
      {R"({"balanced_classes": 4})", "balanced"},
      {R"({"schedule": {"milestones": [3, 2]}})", "milestones"},
      {R"([])", "object"},
      {"", "JSON"},
  };
  for (const auto& [text, names] : bad) {
    CAPTURE(text);
    const std::string what = error_of(text).what();
    CAPTURE(what);
    CHECK(what.find(names) != std::string::npos);
  }
}

TEST_CASE("recipes: files, and those that ship") {
  const auto path = std::filesystem::temp_directory_path() / "cutaway_recipe_test.json";
  std::ofstream(path) << to_json(full_recipe());
  CHECK(to_json(load_recipe(path.string())) == to_json(full_recipe()));
  std::ofstream(path) << "{\"epoch\": 1}";
  try {
    (void)load_recipe(path.string());
    FAIL("an unknown setting was taken");
  } catch (const Error& error) {
    CHECK(error.where() == path.string());
  }
  std::filesystem::remove(path);
  CHECK_THROWS_AS((void)load_recipe(path.string()), Error);
  REQUIRE(shipped_recipes().size() == 4);
  for (const ShippedRecipe& shipped : shipped_recipes()) {
    const Recipe r = shipped_recipe(shipped.name);
    CHECK(r.epochs > 0);
    CHECK(to_json(r) != to_json(Recipe{}));
  }
  CHECK(shipped_recipe("zfnet").filter_radius == 0.1);
  CHECK_THROWS_AS((void)shipped_recipe("resnet"), Error);
}
