#include "tools/creatures/props.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cutaway::tools::creatures {
namespace {

Material leafy(Random& random, Color color) {
  Material m = plain(color * random.uniform(0.85f, 1.12f), 0.10f);
  m.second = m.base * 0.82f;
  m.pattern = random.chance(0.4f) ? Pattern::kPatches : Pattern::kPlain;
  m.seed = random.bits();
  return m;
}

void draw_tree(Plan& plan, Random& random, const ScenePalette& p) {
  const Material bark = plain(mix(p.stone, Color{0.42f, 0.28f, 0.2f}, 0.6f), 0.1f);
  Layer& trunk = plan.add_layer(bark);
  add_limb(trunk, -1, {0, 0}, {random.around(0.06f), -0.5f}, 0.065f, 0.045f);
  Layer& crown = plan.add_layer(leafy(random, p.leaf));
  if (random.chance(0.4f)) {  // a fir
    for (int k = 0; k < 3; ++k) {
      const float y = -0.22f - 0.22f * static_cast<float>(k);
      const float half = 0.30f - 0.07f * static_cast<float>(k);
      add_polygon(crown, -1, Frame{}, {{-half, y}, {half, y}, {0, y - 0.36f}}, 0.02f);
    }
    return;
  }
  crown.blend = 0.06f;
  for (int k = 0; k < 4; ++k) {
    const Vec2 at{random.around(0.18f), -0.68f + random.around(0.14f)};
    const float r = random.uniform(0.15f, 0.24f);
    add_ellipse(crown, -1, at, r, r);
  }
}

void draw_bush(Plan& plan, Random& random, const ScenePalette& p) {
  Layer& leaves = plan.add_layer(leafy(random, p.leaf));
  leaves.blend = 0.03f;
  leaves.rise = 0.1f;
  for (int k = 0; k < 7; ++k) {
    const float angle = 180 + 30 * static_cast<float>(k);
    const Vec2 rim = polar(0.3f + random.around(0.05f), angle);
    const float r = random.uniform(0.13f, 0.18f);
    add_ellipse(leaves, -1, {rim.x * 1.15f, rim.y - 0.08f}, r, r);
  }
  add_ellipse(leaves, -1, {0, -0.14f}, 0.4f, 0.2f);
  Layer& berries = plan.add_detail(plain(p.accent, 0));
  const int count = random.below(6);
  for (int k = 0; k < count; ++k) {
    const Vec2 at{random.around(0.4f), random.uniform(-0.42f, -0.1f)};
    add_ellipse(berries, -1, at, 0.035f, 0.035f);
  }
}

void draw_grass(Plan& plan, Random& random, const ScenePalette& p) {
  Layer& blades = plan.add_layer(leafy(random, mix(p.leaf, p.ground, 0.25f)));
  blades.roundness = 0.6f;
  const int count = 4 + random.below(4);
  for (int k = 0; k < count; ++k) {
    const float x = 0.07f * (static_cast<float>(k) - 0.5f * static_cast<float>(count));
    const float lean = 3.2f * x + random.around(0.15f);
    const float tall = random.uniform(0.55f, 1.0f);
    add_curve(blades, -1, {x, 0.05f}, {x, -0.4f * tall}, {x + 0.3f * lean, -0.75f * tall},
              {x + lean, -tall}, 0.05f, 0.008f, 5);
  }
}

void draw_mushroom(Plan& plan, Random& random, const ScenePalette& p) {
  Layer& stem = plan.add_layer(plain(Color{0.93f, 0.88f, 0.78f}));
  add_limb(stem, -1, {0, -0.05f}, {random.around(0.05f), -0.5f}, 0.14f, 0.10f);
  Layer& cap = plan.add_layer(plain(p.accent));
  add_blob(cap, -1, Frame{},
           {{-0.42f, -0.46f},
            {-0.30f, -0.78f},
            {0.0f, -0.92f},
            {0.30f, -0.78f},
            {0.42f, -0.46f},
            {0.0f, -0.40f}});
  Layer& dots = plan.add_detail(plain(Color{0.98f, 0.96f, 0.9f}));
  add_ellipse(dots, -1, {-0.16f, -0.66f}, 0.07f, 0.06f);
  add_ellipse(dots, -1, {0.10f, -0.76f}, 0.06f, 0.05f);
  add_ellipse(dots, -1, {0.22f, -0.56f}, 0.05f, 0.045f);
}

void draw_stone(Plan& plan, Random& random, const ScenePalette& p) {
  Material rock = plain(p.stone * random.uniform(0.85f, 1.1f), 0.15f);
  rock.seed = random.bits();
  Layer& stone = plan.add_layer(rock);
  std::vector<Vec2> knots;
  for (int k = 0; k < 7; ++k) {
    const Vec2 v = polar(random.uniform(0.36f, 0.5f), 360.0f / 7 * static_cast<float>(k));
    knots.push_back({v.x * 1.25f, v.y * 0.8f - 0.3f});
  }
  add_blob(stone, -1, Frame{}, knots);
}

void draw_flower(Plan& plan, Random& random, const ScenePalette& p) {
  const Vec2 top{random.around(0.12f), -0.75f};
  Layer& stem = plan.add_layer(plain(p.leaf));
  add_curve(stem, -1, {0, 0}, {0, -0.3f}, top + Vec2{0, 0.3f}, top, 0.03f, 0.025f, 5);
  add_limb(stem, -1, {0.01f, -0.2f}, {0.22f, -0.36f}, 0.03f, 0.06f);
  Layer& petals = plan.add_layer(plain(random.chance(0.5f) ? p.accent : p.bottom));
  const int count = 5 + random.below(3);
  for (int k = 0; k < count; ++k) {
    const float angle = 360.0f * static_cast<float>(k) / static_cast<float>(count);
    add_limb(petals, -1, top, top + polar(0.17f, angle), 0.05f, 0.085f);
  }
  Layer& heart = plan.add_layer(plain(Color{0.96f, 0.78f, 0.3f}));
  heart.outline = 0.5f;
  add_ellipse(heart, -1, top, 0.09f, 0.09f);
}

void draw_ball(Plan& plan, Random& random, const ScenePalette& p) {
  Material m;
  m.base = p.accent;
  m.second = p.bottom;
  m.pattern = random.chance(0.5f) ? Pattern::kStripes : Pattern::kDots;
  m.frequency = random.uniform(3.0f, 5.0f);
  m.direction = polar(1, random.uniform(0.0f, 180.0f));
  m.seed = random.bits();
  Layer& ball = plan.add_layer(m);
  ball.gloss = 0.5f;
  add_ellipse(ball, -1, {0, -0.4f}, 0.4f, 0.4f);
}

void draw_post(Plan& plan, Random& random, const ScenePalette& p) {
  Material wood = plain(mix(p.stone, Color{0.5f, 0.36f, 0.25f}, random.uniform()), 0.08f);
  wood.second = wood.base * 0.8f;
  wood.pattern = Pattern::kFur;
  wood.direction = {0, 1};
  wood.seed = random.bits();
  Layer& post = plan.add_layer(wood);
  const float half = random.uniform(0.05f, 0.1f);
  add_polygon(post, -1, Frame{},
              {{-half, 0.4f}, {-half, -0.9f}, {0, -1}, {half, -0.9f}, {half, 0.4f}}, 0.02f);
  if (random.chance(0.5f)) {
    Layer& rail = plan.add_layer(wood);
    add_limb(rail, -1, {-0.8f, -0.55f}, {0.8f, -0.55f + random.around(0.1f)}, 0.05f, 0.05f);
  }
}

void draw_branch(Plan& plan, Random& random, const ScenePalette& p) {
  const Vec2 bow{random.around(0.2f), -0.5f};
  Layer& twig = plan.add_layer(plain(mix(p.stone, Color{0.4f, 0.28f, 0.2f}, 0.6f)));
  add_curve(twig, -1, {0, 0.3f}, bow, bow, {0.05f, -0.9f}, 0.03f, 0.018f, 6);
  Layer& leaves = plan.add_layer(leafy(random, p.leaf));
  for (int k = 0; k < 6; ++k) {
    const float t = 0.2f + 0.15f * static_cast<float>(k);
    const Vec2 root = bezier({0, 0.3f}, bow, bow, {0.05f, -0.9f}, t);
    const float angle = ((k & 1) != 0 ? -40.0f : -140.0f) + random.around(20);
    add_ellipse(leaves, -1, root + polar(0.16f, angle), 0.16f, 0.075f, angle);
  }
}

using DrawProp = void (*)(Plan&, Random&, const ScenePalette&);
constexpr std::array<DrawProp, 9> kProps{draw_tree,     draw_bush,  draw_grass,
                                         draw_mushroom, draw_stone, draw_flower,
                                         draw_ball,     draw_post,  draw_branch};
constexpr std::array<DrawProp, 5> kOccluders{draw_grass, draw_stone, draw_bush, draw_post,
                                             draw_branch};

/// Trunks of the body carry the class by themselves and eyes are too small to see alone.
bool may_stand_alone(std::string_view name) {
  constexpr std::array<std::string_view, 7> kWhole{"body", "head", "shell", "neck",
                                                   "foot", "beak", "tusk"};
  if (std::find(kWhole.begin(), kWhole.end(), name) != kWhole.end()) return false;
  return name.find("eye") == std::string_view::npos;
}

}  // namespace

Plan random_prop(Random& random, const ScenePalette& palette) {
  Plan plan;
  kProps[static_cast<std::size_t>(random.below(static_cast<int>(kProps.size())))](plan, random,
                                                                                  palette);
  return plan;
}

Plan random_occluder(Random& random, const ScenePalette& palette) {
  Plan plan;
  kOccluders[static_cast<std::size_t>(random.below(static_cast<int>(kOccluders.size())))](
      plan, random, palette);
  return plan;
}

Plan isolated_part(const Plan& whole, Random& random, Vec2* origin) {
  std::vector<int> choices;
  for (std::size_t k = 0; k < whole.parts.size(); ++k) {
    if (may_stand_alone(whole.parts[k].name)) choices.push_back(static_cast<int>(k));
  }
  Plan plan;
  if (choices.empty()) return plan;
  const int part =
      choices[static_cast<std::size_t>(random.below(static_cast<int>(choices.size())))];
  for (const Layer& layer : whole.layers) {
    Layer copy = layer;
    std::erase_if(copy.shapes, [&](const Primitive& s) { return s.part != part; });
    if (!copy.shapes.empty()) plan.layers.push_back(copy);
  }
  *origin = extent(plan, Frame{}).centre();
  return plan;
}

}  // namespace cutaway::tools::creatures
