/// \file
/// Creatures with wings, fins, tentacles or a single foot. Same conventions as the walkers.
#include "tools/creatures/species.h"

namespace cutaway::tools::creatures {
namespace {

void bird_wing(
    Artist& a, const std::string& name, int body, const Frame& at, const Material& material) {
  const int wing = a.plan.add_part(name, body);
  Layer& feathers = a.plan.add_layer(material);
  feathers.gloss = a.wardrobe.gloss;
  add_blob(feathers, wing, at,
           {{0.10f, 0.0f},
            {0.04f, -0.13f},
            {-0.20f, -0.17f},
            {-0.46f, -0.10f},
            {-0.68f, 0.06f},
            {-0.52f, 0.09f},
            {-0.44f, 0.14f},
            {-0.30f, 0.13f},
            {-0.20f, 0.17f},
            {-0.02f, 0.13f}});
  Layer& lines = a.plan.add_detail(dimmed(material, 0.62f));
  for (int k = 0; k < 3; ++k) {
    const float y = -0.07f + 0.065f * static_cast<float>(k);
    const float x = -0.52f + 0.09f * static_cast<float>(k);
    add_limb(lines, wing, at({x, y + 0.03f}), at({-0.14f, y}), 0.006f, 0.014f);
  }
}

void bird_legs(Artist& a, int body) {
  const float step = a.swing(16);
  for (int k = 0; k < 2; ++k) {
    const bool near = k == 1;
    const int part = a.plan.add_part(near ? "leg_1" : "leg_2", body);
    const Vec2 hip{near ? 0.04f : -0.06f, 0.18f};
    const Vec2 ankle = hip + polar(0.30f, 88 + (near ? step : -step));
    Layer& bone = a.plan.add_layer(near ? a.wardrobe.accent : dimmed(a.wardrobe.accent, 0.8f));
    add_limb(bone, part, hip, ankle, 0.032f, 0.028f);
    add_limb(bone, part, ankle, ankle + Vec2{0.11f, 0.035f}, 0.026f, 0.022f);
    add_limb(bone, part, ankle, ankle + Vec2{-0.06f, 0.04f}, 0.026f, 0.022f);
  }
}

void bird_head(Artist& a, int head, Vec2 at) {
  const Frame skull = Frame::at(at, a.swing(12));
  const int beak = a.plan.add_part("beak", head);
  const float gape = a.pose * 0.05f * a.random.uniform();
  Layer& bill = a.plan.add_layer(a.wardrobe.accent);
  add_polygon(bill, beak, skull, {{0.14f, 0.02f}, {0.15f, 0.09f}, {0.30f, 0.06f + gape}}, 0.014f);
  add_polygon(bill, beak, skull, {{0.14f, -0.075f}, {0.15f, 0.045f}, {0.36f, 0.02f - gape}},
              0.018f);
  if (a.random.chance(0.4f)) {
    Layer& crest = a.plan.add_layer(a.wardrobe.second);
    for (float lean : {-150.0f, -122.0f, -95.0f}) {
      add_limb(crest, head, skull({-0.03f, -0.12f}),
               skull(Vec2{-0.03f, -0.12f} + polar(0.19f, lean)), 0.04f, 0.022f);
    }
  }
  draw_eye(a, "eye", head, skull({0.065f, -0.035f}), 0.062f, random_gaze(a));
  draw_cheek(a, skull({0.03f, 0.06f}), 0.045f);
}

void fin(
    Artist& a, const std::string& name, int body, const Frame& at, const std::vector<Vec2>& knots) {
  const int part = a.plan.add_part(name, body);
  Layer& web = a.plan.add_layer(a.wardrobe.second);
  web.gloss = a.wardrobe.gloss;
  add_blob(web, part, at, knots);
}

std::vector<Vec2> scaled(std::vector<Vec2> points, float sx, float sy) {
  for (Vec2& p : points) p = {p.x * sx, p.y * sy};
  return points;
}

/// One wing with an inner field and a row of dots along its rim.
void butterfly_wing(Artist& a,
                    const std::string& name,
                    int body,
                    const std::vector<Vec2>& knots,
                    const Material& outer,
                    const Material& inner,
                    int dots) {
  const int part = a.plan.add_part(name, body);
  Layer& web = a.plan.add_layer(outer);
  web.roundness = 0.7f;
  add_blob(web, part, Frame{}, knots);
  Vec2 middle;
  for (Vec2 p : knots) middle = middle + p * (1 / static_cast<float>(knots.size()));
  std::vector<Vec2> core;
  for (Vec2 p : knots) core.push_back(lerp(middle * 0.92f, p, 0.62f));
  Layer& field = a.plan.add_detail(inner);
  field.roundness = 0.4f;
  add_blob(field, part, Frame{}, core);
  Layer& marks = a.plan.add_detail(a.wardrobe.light);
  for (int k = 0; k < dots; ++k) {
    const Vec2 rim = knots[static_cast<std::size_t>(2 + k)];
    const Vec2 at = lerp(middle, rim, 0.82f);
    add_ellipse(marks, part, at, 0.032f, 0.032f);
  }
}

void antenna(
    Artist& a, const std::string& name, int head, Vec2 root, Vec2 tip, Vec2 bow, float radius) {
  const int part = a.plan.add_part(name, head);
  Layer& line = a.plan.add_layer(a.wardrobe.dark);
  line.outline = 0.3f;
  line.shadow = 0;
  add_curve(line, part, root, root + bow, tip + bow * 0.4f, tip, radius, radius * 0.8f, 6);
  add_ellipse(line, part, tip, 0.038f, 0.038f);
}

void tentacle(Artist& a, const std::string& name, int body, float at, bool far) {
  const int part = a.plan.add_part(name, body);
  const float side = at < 0 ? -1.0f : 1.0f;
  const float out = at < 0 ? -at : at;  // inner arms hang down, outer ones spread
  const float reach = 0.08f + 2.2f * out + a.swing(0.08f);
  const float curl = a.swing(0.2f);
  const Vec2 p0{at, 0.08f};
  const Vec2 p1{at * 1.25f, 0.34f + a.swing(0.06f)};
  const float low = far ? 0.36f : 0.58f - 0.3f * out;
  const Vec2 p2{at + side * reach * 0.55f, low + curl};
  const Vec2 p3{at + side * reach, low - 0.8f * out - 1.3f * curl};
  Layer& arm = a.plan.add_layer(far ? dimmed(a.wardrobe.coat, 0.8f) : a.wardrobe.coat);
  arm.gloss = a.wardrobe.gloss;
  add_curve(arm, part, p0, p1, p2, p3, 0.108f, 0.034f, 10);
  if (far) return;
  Layer& suckers = a.plan.add_detail(a.wardrobe.belly);
  suckers.opacity = 0.8f;
  for (int k = 0; k < 4; ++k) {
    const float t = 0.42f + 0.16f * static_cast<float>(k);
    const Vec2 p = bezier(p0, p1, p2, p3, t) + Vec2{0, 0.018f};
    const float r = 0.034f - 0.017f * t;
    add_ellipse(suckers, part, p, r, r);
  }
}

void snail_shell(Artist& a, int body) {
  const int shell = a.plan.add_part("shell", body);
  const Vec2 centre{-0.12f, -0.10f};
  Layer& dome = a.plan.add_layer(a.wardrobe.second);
  dome.gloss = a.wardrobe.gloss;
  dome.blend = 0.05f;
  add_ellipse(dome, shell, centre, 0.37f, 0.35f);
  add_ellipse(dome, shell, centre + Vec2{0.18f, 0.22f}, 0.17f, 0.14f, 20);
  Layer& spiral = a.plan.add_detail(a.wardrobe.dark);
  spiral.opacity = 0.75f;
  const float start = a.random.uniform(20.0f, 50.0f);
  Vec2 from = centre + polar(0.33f, start);
  constexpr int kSteps = 40;
  for (int k = 1; k <= kSteps; ++k) {
    const float t = static_cast<float>(k) / kSteps;
    const Vec2 to = centre + polar(0.33f * (1 - t) + 0.02f, start - 830 * t);
    add_limb(spiral, shell, from, to, 0.022f, 0.022f);
    spiral.shapes.back().group = 0;
    from = to;
  }
}

}  // namespace

void draw_bird(Artist& a) {
  const int body = a.plan.add_part("body", -1);
  const bool raised = a.random.chance(0.45f * a.pose);
  const float lift = raised ? a.random.uniform(42.0f, 88.0f) : a.random.uniform(-8.0f, 22.0f);
  const int tail = a.plan.add_part("tail", body);
  const float wag = a.swing(12);
  Layer& fan = a.plan.add_layer(a.wardrobe.second);
  for (float lean : {156.0f, 170.0f, 184.0f}) {
    const Vec2 root{-0.24f, 0.06f};
    add_limb(fan, tail, root, root + polar(0.44f, lean + wag), 0.06f, 0.052f);
  }
  if (raised) {
    bird_wing(a, "wing_2", body, Frame::at({0.10f, -0.08f}, lift + 22),
              dimmed(a.wardrobe.second, 0.78f));
  }
  bird_legs(a, body);
  const int head = a.plan.add_part("head", body);
  const Vec2 face{0.29f + a.swing(0.03f), -0.28f + a.swing(0.03f)};
  Layer& trunk = a.plan.add_layer(a.wardrobe.coat);
  trunk.blend = 0.12f;
  trunk.gloss = a.wardrobe.gloss;
  add_ellipse(trunk, body, {0, 0}, 0.36f, 0.255f, -18);
  add_ellipse(trunk, body, {0.13f, -0.02f}, 0.24f, 0.25f);
  add_ellipse(trunk, head, face, 0.18f, 0.175f);
  Layer& breast = a.plan.add_detail(a.wardrobe.belly);
  breast.roundness = 0.6f;
  breast.opacity = 0.85f;
  breast.clip = {trunk.shapes[0], trunk.shapes[1]};
  add_ellipse(breast, body, {0.27f, 0.08f}, 0.17f, 0.22f, -12);
  bird_head(a, head, face);
  bird_wing(a, "wing_1", body, Frame::at({0.10f, -0.02f}, lift), a.wardrobe.second);
}

void draw_fish(Artist& a) {
  a.plan.stands = false;
  const int body = a.plan.add_part("body", -1);
  const float plump = 1 + a.swing(0.22f);
  const float sway = a.swing(14);
  fin(a, "tail_fin", body, Frame::at({-0.40f, 0}, sway),
      {{0.06f, -0.05f},
       {-0.16f, -0.14f},
       {-0.40f, -0.33f},
       {-0.36f, -0.10f},
       {-0.30f, 0.0f},
       {-0.36f, 0.12f},
       {-0.40f, 0.33f},
       {-0.16f, 0.14f},
       {0.06f, 0.05f}});
  fin(a, "dorsal_fin", body, Frame::at({0, -0.20f * plump}, a.swing(10)),
      {{0.20f, 0.0f}, {0.10f, -0.18f}, {-0.06f, -0.26f}, {-0.30f, -0.20f}, {-0.26f, 0.03f}});
  fin(a, "belly_fin", body, Frame::at({0, 0.20f * plump}, a.swing(10)),
      {{0.10f, 0.0f}, {0.0f, 0.20f}, {-0.20f, 0.22f}, {-0.18f, 0.0f}});
  Layer& trunk = a.plan.add_layer(a.wardrobe.coat);
  trunk.gloss = a.wardrobe.gloss;
  const std::vector<Vec2> hull{{0.56f, 0.03f},   {0.42f, -0.17f},  {0.10f, -0.29f},
                               {-0.24f, -0.20f}, {-0.47f, -0.06f}, {-0.47f, 0.06f},
                               {-0.24f, 0.20f},  {0.10f, 0.29f},   {0.42f, 0.20f}};
  add_blob(trunk, body, Frame{}, scaled(hull, 1, plump));
  Layer& belly = a.plan.add_detail(a.wardrobe.belly);
  belly.roundness = 0.6f;
  belly.opacity = 0.8f;
  belly.clip = trunk.shapes;
  add_ellipse(belly, body, {0.08f, 0.26f * plump}, 0.36f, 0.15f * plump, -4);
  Layer& gill = a.plan.add_detail(dimmed(a.wardrobe.coat, 0.55f));
  add_curve(gill, -1, {0.22f, -0.17f}, {0.14f, -0.06f}, {0.14f, 0.08f}, {0.22f, 0.17f}, 0.014f,
            0.014f, 6);
  fin(a, "side_fin", body, Frame::at({0.10f, 0.06f}, a.swing(28)),
      {{0.06f, -0.04f},
       {-0.10f, -0.09f},
       {-0.26f, -0.03f},
       {-0.24f, 0.10f},
       {-0.08f, 0.10f},
       {0.05f, 0.05f}});
  draw_eye(a, "eye", body, {0.34f, -0.06f * plump}, 0.082f, random_gaze(a));
  draw_smile(a, {0.535f, 0.07f}, {0.42f, 0.09f}, 0.025f, 0.012f);
  draw_cheek(a, {0.32f, 0.08f * plump}, 0.045f);
}

void draw_butterfly(Artist& a) {
  a.plan.stands = false;
  const int body = a.plan.add_part("body", -1);
  const std::vector<Vec2> upper{{0.0f, -0.06f},  {0.14f, -0.34f}, {0.40f, -0.56f}, {0.66f, -0.50f},
                                {0.68f, -0.24f}, {0.50f, -0.02f}, {0.16f, 0.06f}};
  const std::vector<Vec2> lower{{0.0f, 0.02f},  {0.22f, 0.02f}, {0.46f, 0.10f}, {0.54f, 0.32f},
                                {0.38f, 0.52f}, {0.20f, 0.44f}, {0.06f, 0.22f}};
  const float near = 1 - 0.30f * a.pose * a.random.uniform();
  const float far = 1 - 0.45f * a.pose * a.random.uniform();
  const bool swap = a.random.chance(0.5f);
  const float tail = 1 + a.swing(0.18f);
  const int dots = a.random.below(4);
  const Material& outer = swap ? a.wardrobe.second : a.wardrobe.coat;
  const Material& inner = swap ? a.wardrobe.coat : a.wardrobe.second;
  for (float side : {-1.0f, 1.0f}) {
    const float spread = side * (side < 0 ? far : near);
    const std::string prefix = side < 0 ? "left_" : "right_";
    butterfly_wing(a, prefix + "lower_wing", body, scaled(lower, spread, tail), inner, outer, dots);
    butterfly_wing(a, prefix + "upper_wing", body, scaled(upper, spread, 1), outer, inner, dots);
  }
  const int head = a.plan.add_part("head", body);
  const float bend = 0.24f + a.swing(0.08f);
  antenna(a, "left_antenna", head, {-0.03f, -0.30f}, {-bend, -0.62f}, {-0.02f, -0.16f}, 0.016f);
  antenna(a, "right_antenna", head, {0.03f, -0.30f}, {bend, -0.62f}, {0.02f, -0.16f}, 0.016f);
  Layer& trunk = a.plan.add_layer(a.wardrobe.belly);
  trunk.material.pattern = Pattern::kStripes;
  trunk.material.direction = {0, 1};
  trunk.material.second = a.wardrobe.accent.base;
  trunk.material.frequency = 8;
  add_limb(trunk, body, {0, -0.16f}, {0, 0.36f}, 0.075f, 0.04f);
  Layer& face = a.plan.add_layer(a.wardrobe.accent);
  add_ellipse(face, head, {0, -0.26f}, 0.115f, 0.105f);
  const Gaze gaze = random_gaze(a);
  draw_eye(a, "left_eye", head, {-0.05f, -0.275f}, 0.043f, gaze);
  draw_eye(a, "right_eye", head, {0.05f, -0.275f}, 0.043f, gaze);
  draw_smile(a, {-0.035f, -0.225f}, {0.035f, -0.225f}, 0.025f, 0.008f);
}

void draw_octopus(Artist& a) {
  const int head = a.plan.add_part("head", -1);
  // An octopus is its own mirror image: without a side no picture would tell one of a pair.
  const auto pair = [&](int number, float at, bool far) {
    const std::string name = "tentacle_" + std::to_string(number);
    tentacle(a, "left_" + name, head, -at, far);
    tentacle(a, "right_" + name, head, at, far);
  };
  pair(1, 0.22f * 1.15f, true);
  pair(2, 0.10f * 1.15f, true);
  pair(3, 0.25f * 0.8f, false);
  pair(4, 0.08f * 0.8f, false);
  const float lean = a.swing(0.10f);
  const float tall = 0.36f + a.swing(0.05f);
  Layer& mantle = a.plan.add_layer(a.wardrobe.coat);
  mantle.blend = 0.16f;
  mantle.gloss = a.wardrobe.gloss;
  add_ellipse(mantle, head, {lean, -0.26f}, 0.34f, tall);
  add_ellipse(mantle, head, {0, 0.04f}, 0.29f, 0.17f);
  const Gaze gaze = random_gaze(a);
  const float turn = a.swing(0.06f);
  draw_eye(a, "left_eye", head, {turn - 0.135f, -0.05f}, 0.098f, gaze);
  draw_eye(a, "right_eye", head, {turn + 0.135f, -0.05f}, 0.098f, gaze);
  draw_smile(a, {turn - 0.07f, 0.085f}, {turn + 0.07f, 0.085f}, 0.05f, 0.013f);
  draw_cheek(a, {turn - 0.21f, 0.07f}, 0.05f);
  draw_cheek(a, {turn + 0.21f, 0.07f}, 0.05f);
}

void draw_snail(Artist& a) {
  const int body = a.plan.add_part("foot", -1);
  const int head = a.plan.add_part("head", body);
  const float rise = a.swing(0.08f);
  const Vec2 face{0.58f + a.swing(0.05f), -0.06f + rise};
  const float left = -100 + a.swing(16);
  const float right = -68 + a.swing(16);
  const Gaze gaze = random_gaze(a);
  for (int k = 0; k < 2; ++k) {
    const int part = a.plan.add_part(k == 0 ? "left_eye" : "right_eye", head);
    const Vec2 root = face + Vec2{k == 0 ? -0.04f : 0.06f, -0.06f};
    const Vec2 tip = root + polar(0.33f, k == 0 ? left : right);
    Layer& stalk = a.plan.add_layer(k == 0 ? dimmed(a.wardrobe.coat, 0.85f) : a.wardrobe.coat);
    add_limb(stalk, part, root, tip, 0.042f, 0.03f);
    draw_eyeball(a, part, tip, 0.078f, gaze);
  }
  Layer& slug = a.plan.add_layer(a.wardrobe.coat);
  slug.blend = 0.12f;
  slug.gloss = a.wardrobe.gloss;
  add_curve(slug, body, {-0.72f, 0.33f}, {-0.3f, 0.25f}, {0.05f, 0.27f}, {0.36f, 0.27f}, 0.035f,
            0.115f);
  add_curve(slug, head, {0.36f, 0.26f}, {0.52f, 0.26f}, {0.54f, 0.12f}, face, 0.118f, 0.105f, 6);
  add_ellipse(slug, head, face + Vec2{0.03f, 0}, 0.145f, 0.12f);
  draw_smile(a, face + Vec2{0.155f, 0.02f}, face + Vec2{0.03f, 0.04f}, 0.045f, 0.012f);
  draw_cheek(a, face + Vec2{0.01f, 0.02f}, 0.045f);
  snail_shell(a, body);
}

}  // namespace cutaway::tools::creatures
