#include "tools/creatures/creatures.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "runtime/error.h"
#include "tools/creatures/background.h"
#include "tools/creatures/finish.h"
#include "tools/creatures/props.h"
#include "tools/creatures/species.h"

namespace cutaway::tools::creatures {
namespace {

constexpr int kClasses = 10;

/// One independent stream per concern, so that a knob changes only what it names.
enum Topic : std::uint32_t {
  kLabels,
  kLayout,
  kColours,
  kPosture,
  kBackdrop,
  kScenery,
  kStrays,
  kOcclusion,
  kDevelopment,
};

void require(bool ok, const char* what, const char* expected, double got) {
  if (ok) return;
  throw Error(ErrorKind::kUsage, std::string("creature option '") + what + "' out of range")
      .expected(expected)
      .got(std::to_string(got));
}

bool in_unit(float v) { return v >= 0 && v <= 1; }

void validate(const Options& o) {
  require(o.size >= 32 && o.size <= 1024, "size", "32..1024", o.size);
  require(o.supersample >= 1 && o.supersample <= 4, "supersample", "1..4", o.supersample);
  require(in_unit(o.clutter), "clutter", "0..1", static_cast<double>(o.clutter));
  require(in_unit(o.distractor_parts), "distractor_parts", "0..1",
          static_cast<double>(o.distractor_parts));
  require(in_unit(o.occlusion), "occlusion", "0..1", static_cast<double>(o.occlusion));
  require(o.max_occlusion >= 0 && o.max_occlusion <= 0.9f, "max_occlusion", "0..0.9",
          static_cast<double>(o.max_occlusion));
  require(in_unit(o.pose), "pose", "0..1", static_cast<double>(o.pose));
  require(in_unit(o.texture), "texture", "0..1", static_cast<double>(o.texture));
  require(in_unit(o.noise), "noise", "0..1", static_cast<double>(o.noise));
  require(o.min_area >= 0.02f && o.min_area <= o.max_area, "min_area", "0.02..max_area",
          static_cast<double>(o.min_area));
  require(o.max_area <= 0.8f, "max_area", "min_area..0.8", static_cast<double>(o.max_area));
}

/// Paints the background with one sample per pixel (it is smooth) and spreads it over the samples.
void lay_background(
    Canvas& canvas, int supersample, Random& random, const ScenePalette& palette, float clutter) {
  Canvas coarse(canvas.side / supersample);
  paint_background(coarse, random, palette, clutter);
  for (int y = 0; y < canvas.side; ++y) {
    for (int x = 0; x < canvas.side; ++x) {
      canvas.at(x, y) = coarse.at(x / supersample, y / supersample);
    }
  }
}

Style random_style(Random& random, float side) {
  Style style;
  const float lx = random.uniform(0.25f, 0.6f) * (random.chance(0.5f) ? 1.0f : -1.0f);
  const float ly = -random.uniform(0.35f, 0.65f);
  const float lz = 0.72f;
  const float norm = 1 / std::sqrt(lx * lx + ly * ly + lz * lz);
  style.light_x = lx * norm;
  style.light_y = ly * norm;
  style.light_z = lz * norm;
  const bool outlined = random.chance(0.75f);
  const float width = random.uniform(0.003f, 0.0075f);
  style.outline_width = outlined ? side * width : 0;
  const float hue = random.uniform(200.0f, 380.0f);
  const float saturation = random.uniform(0.1f, 0.4f);
  style.outline = hsl(hue, saturation, random.uniform(0.1f, 0.22f));
  style.shade = hsl(random.uniform(220.0f, 290.0f), 0.25f, 0.58f);
  return style;
}

void paint_plan(Canvas& canvas,
                const Plan& plan,
                const Frame& frame,
                const Style& style,
                Role role,
                std::vector<PartExtent>* parts) {
  for (const Layer& layer : plan.layers) paint(canvas, layer, frame, style, role, parts);
}

void scatter_props(Canvas& canvas,
                   Random& random,
                   const ScenePalette& palette,
                   const Style& style,
                   float clutter) {
  const float side = static_cast<float>(canvas.side);
  const int most = static_cast<int>(12 * clutter + 0.5f);
  const int count = most > 0 ? random.below(most + 1) : 0;
  std::vector<float> feet;
  for (int k = 0; k < count; ++k) feet.push_back(random.uniform(0.35f, 1.1f));
  std::sort(feet.begin(), feet.end());  // far things first
  for (float foot : feet) {
    const Plan prop = random_prop(random, palette);
    const float x = random.uniform(-0.05f, 1.05f);
    const float scale = side * random.uniform(0.10f, 0.26f) * (0.5f + 0.6f * foot);
    const float tilt = random.around(6);
    const bool mirrored = random.chance(0.5f);
    const Frame at = Frame::at({x * side, foot * side}, tilt, scale, mirrored);
    paint_ground_shadow(canvas, at.origin, 0.4f * scale, 0.1f * scale, 0.3f);
    paint_plan(canvas, prop, at, style, Role::kScenery, nullptr);
  }
}

/// Where the creature goes: direction, tilt, and a scale that gives its box the area asked for.
Frame place_creature(const Plan& plan, const Options& options, Random& random, float side) {
  const bool mirrored = options.pose > 0 && random.chance(0.5f);
  const float tilt = options.pose * random.around(plan.stands ? 6.0f : 24.0f);
  const float area = random.uniform(options.min_area, options.max_area);
  Frame frame = Frame::at({}, tilt, 1, mirrored);
  const Bounds box = extent(plan, frame);
  const float w = box.width();
  const float h = box.height();
  frame.scale = std::min(side * std::sqrt(area / (w * h)), 0.92f * side / std::max(w, h));
  const float free_x = side * 0.97f - frame.scale * w;
  const float free_y = side * 0.97f - frame.scale * h;
  const float x = 0.015f * side + free_x * random.uniform();
  const float y = 0.015f * side + free_y * random.uniform();
  frame.origin = Vec2{x, y} - Vec2{box.x0, box.y0} * frame.scale;
  return frame;
}

/// The wardrobe, of three, that stands out best from the middle of the background, or the first
/// that stands out enough.
Wardrobe visible_wardrobe(Random& random, float texture, Color behind) {
  Wardrobe best = random_wardrobe(random, texture);
  for (int k = 0; k < 2 && contrast(best.coat.base, behind) < 0.35f; ++k) {
    const Wardrobe other = random_wardrobe(random, texture);
    if (contrast(other.coat.base, behind) > contrast(best.coat.base, behind)) best = other;
  }
  return best;
}

Color mean_colour(const Canvas& canvas) {
  Color sum;
  for (const Color& c : canvas.pixels) sum = sum + c;
  return sum * (1 / static_cast<float>(canvas.pixels.size()));
}

/// Loose limbs, wings and tails of other classes, mostly away from the creature's box.
void scatter_strays(Canvas& canvas,
                    const Options& options,
                    int label,
                    const Bounds& box,
                    float scale,
                    const Style& style,
                    Random& random) {
  if (!random.chance(options.distractor_parts)) return;
  const float side = static_cast<float>(canvas.side);
  const int count = 1 + random.below(2);
  for (int k = 0; k < count; ++k) {
    const int other = (label + 1 + random.below(kClasses - 1)) % kClasses;
    const Wardrobe wardrobe = random_wardrobe(random, options.texture);
    const Plan whole = draw_species(other, random, wardrobe, options.pose);
    Vec2 centre;
    const Plan stray = isolated_part(whole, random, &centre);
    if (stray.layers.empty()) continue;
    Vec2 at;
    for (int attempt = 0; attempt < 6; ++attempt) {
      at.x = side * random.uniform(0.05f, 0.95f);
      at.y = side * random.uniform(0.05f, 0.95f);
      if (at.x < box.x0 || at.x > box.x1 || at.y < box.y0 || at.y > box.y1) break;
    }
    const float turn = random.around(60);
    const float size = scale * random.uniform(0.6f, 1.0f);
    Frame frame = Frame::at({}, turn, size, random.chance(0.5f));
    frame.origin = at - frame(centre);
    paint_plan(canvas, stray, frame, style, Role::kScenery, nullptr);
  }
}

std::vector<PartExtent> fresh_extents(const Plan& plan) {
  check(plan.parts.size() <= 64, "a creature has more than 64 parts");
  std::vector<PartExtent> extents(plan.parts.size());
  for (std::size_t k = 0; k < extents.size(); ++k) {
    for (int at = static_cast<int>(k); at >= 0;
         at = plan.parts[static_cast<std::size_t>(at)].parent) {
      extents[k].family |= std::uint64_t{1} << at;
    }
  }
  return extents;
}

/// The share of the creature's samples that the plan would hide.
float hidden_share(const Canvas& canvas, const Plan& plan, const Frame& frame, const Style& style) {
  std::vector<std::uint8_t> hidden(canvas.owners.size(), 0);
  std::vector<float> field;
  for (const Layer& layer : plan.layers) {
    if (layer.detail) continue;
    std::vector<Primitive> shapes;
    for (const Primitive& s : layer.shapes) shapes.push_back(placed(s, frame));
    const float rim = layer.outline * style.outline_width;
    const Window w = window_of(canvas, shapes, rim + 2);
    if (w.samples() == 0) continue;
    const float blend = layer.blend * frame.scale;
    distance_field(shapes, blend, rim + blend + 2, w, field, nullptr);
    std::size_t i = 0;
    for (int y = 0; y < w.height; ++y) {
      const std::size_t row =
          static_cast<std::size_t>(w.y0 + y) * static_cast<std::size_t>(canvas.side);
      for (int x = 0; x < w.width; ++x, ++i) {
        if (field[i] <= rim) hidden[row + static_cast<std::size_t>(w.x0 + x)] = 1;
      }
    }
  }
  std::int64_t all = 0;
  std::int64_t lost = 0;
  for (std::size_t k = 0; k < hidden.size(); ++k) {
    if (canvas.owners[k] == 0) continue;
    ++all;
    lost += hidden[k];
  }
  return all > 0 ? static_cast<float>(lost) / static_cast<float>(all) : 1.0f;
}

/// Puts something in front; gives up when no attempt hides between 3 % and the limit.
bool occlude(Canvas& canvas,
             const Options& options,
             const ScenePalette& palette,
             const Bounds& box,
             const Style& style,
             Random& random) {
  if (!random.chance(options.occlusion)) return false;
  const float reach = std::max(box.width(), box.height());
  for (int attempt = 0; attempt < 6; ++attempt) {
    const Plan plan = random_occluder(random, palette);
    const Vec2 foot{random.uniform(box.x0, box.x1),
                    random.uniform(lerp(box.y0, box.y1, 0.6f), box.y1 + 0.2f * reach)};
    const float scale = reach * random.uniform(0.4f, 0.9f);
    const float tilt = random.around(14);
    const Frame frame = Frame::at(foot, tilt, scale, random.chance(0.5f));
    const float share = hidden_share(canvas, plan, frame, style);
    if (!(share >= 0.03f && share <= options.max_occlusion)) continue;
    paint_plan(canvas, plan, frame, style, Role::kOccluder, nullptr);
    return true;
  }
  return false;
}

}  // namespace

int label_of(std::uint64_t seed, std::uint64_t index) {
  Random random(seed, index / kClasses, kLabels);
  std::array<int, kClasses> order{};
  for (int k = 0; k < kClasses; ++k) {
    const int j = random.below(k + 1);
    order[static_cast<std::size_t>(k)] = order[static_cast<std::size_t>(j)];
    order[static_cast<std::size_t>(j)] = k;
  }
  return order[static_cast<std::size_t>(index % kClasses)];
}

Creature render(const Options& options, std::uint64_t index) {
  validate(options);
  const auto stream = [&](Topic topic) { return Random(options.seed, index, topic); };
  Random layout = stream(kLayout);
  Random colours = stream(kColours);
  Random posture = stream(kPosture);
  Random backdrop = stream(kBackdrop);
  Random scenery = stream(kScenery);
  Random strays = stream(kStrays);
  Random cover = stream(kOcclusion);
  Random development = stream(kDevelopment);

  Canvas canvas(options.size * options.supersample);
  const float side = static_cast<float>(canvas.side);
  Creature creature;
  creature.size = options.size;
  creature.label = label_of(options.seed, index);

  const ScenePalette palette = random_scene_palette(backdrop);
  lay_background(canvas, options.supersample, backdrop, palette, options.clutter);
  const Style style = random_style(layout, side);
  const Wardrobe wardrobe = visible_wardrobe(colours, options.texture, mean_colour(canvas));
  scatter_props(canvas, scenery, palette, style, options.clutter);

  const Plan plan = draw_species(creature.label, posture, wardrobe, options.pose);
  const Frame frame = place_creature(plan, options, layout, side);
  const Bounds box = extent(plan, frame);
  scatter_strays(canvas, options, creature.label, box, frame.scale, style, strays);
  if (plan.stands || layout.chance(0.4f)) {
    const float drop = plan.stands ? -0.01f * side : 0.10f * side;
    const Vec2 foot{box.centre().x - style.light_x * 0.12f * box.width(), box.y1 + drop};
    paint_ground_shadow(canvas, foot, 0.52f * box.width(), 0.09f * box.width(), 0.42f);
  }
  std::vector<PartExtent> extents = fresh_extents(plan);
  paint_plan(canvas, plan, frame, style, Role::kCreature, &extents);
  check(set_box(creature, pixel_mask(canvas, options.supersample)), "an invisible creature");
  creature.occluded = occlude(canvas, options, palette, box, style, cover);
  creature.mask = pixel_mask(canvas, options.supersample);
  creature.parts = part_truth(canvas, plan, extents, options.supersample, frame.mirrored);
  creature.rgb = develop(canvas, options.supersample, options.noise, development);
  return creature;
}

}  // namespace cutaway::tools::creatures
