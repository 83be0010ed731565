/// \file
/// Creatures on four legs. Coordinates: body near the origin, looking to +x, y down.
#include "tools/creatures/species.h"

namespace cutaway::tools::creatures {
namespace {

void whiskers(Artist& a, const Frame& head, Vec2 from, float side) {
  Layer& line = a.plan.add_detail(a.wardrobe.dark);
  line.opacity = 0.75f;
  for (int k = -1; k <= 1; ++k) {
    const float y = static_cast<float>(k);
    const Vec2 tip{from.x + side * 0.19f, from.y - 0.01f + 0.055f * y};
    add_limb(line, -1, head({from.x, from.y + 0.012f * y}), head(tip), 0.007f, 0.004f);
  }
}

void cat_ears(Artist& a, int head_part, const Frame& head) {
  for (float side : {-1.0f, 1.0f}) {
    const int part = a.plan.add_part(side < 0 ? "left_ear" : "right_ear", head_part);
    const float tip = 0.37f + a.swing(0.03f);
    const Vec2 outer{0.25f * side, -0.09f};
    const Vec2 inner{0.05f * side, -0.20f};
    const Vec2 top{0.21f * side, -tip};
    Layer& ear = a.plan.add_layer(a.wardrobe.coat);
    add_polygon(ear, part, head, {outer, top, inner}, 0.03f);
    Layer& fold = a.plan.add_detail(a.wardrobe.accent);
    const Vec2 middle = (outer + inner + top) * (1.0f / 3);
    add_polygon(fold, part, head,
                {lerp(middle, outer, 0.6f), lerp(middle, top, 0.7f), lerp(middle, inner, 0.6f)},
                0.01f);
  }
}

void cat_head(Artist& a, int body) {
  const int part = a.plan.add_part("head", body);
  const float tilt = a.swing(16);
  const Frame head = Frame::at({0.47f, -0.30f + a.swing(0.05f)}, tilt);
  const float turn = 0.03f + a.swing(0.03f);
  cat_ears(a, part, head);
  Layer& skull = a.plan.add_layer(a.wardrobe.coat);
  skull.blend = 0.08f;
  skull.gloss = a.wardrobe.gloss;
  add_ellipse(skull, part, head({0, -0.02f}), 0.255f, 0.225f);
  add_ellipse(skull, part, head({-0.13f, 0.08f}), 0.13f, 0.11f);
  add_ellipse(skull, part, head({0.13f, 0.08f}), 0.13f, 0.11f);
  Layer& muzzle = a.plan.add_detail(a.wardrobe.belly);
  muzzle.roundness = 0.5f;
  add_ellipse(muzzle, part, head({turn - 0.055f, 0.10f}), 0.075f, 0.062f);
  add_ellipse(muzzle, part, head({turn + 0.055f, 0.10f}), 0.075f, 0.062f);
  whiskers(a, head, {turn - 0.09f, 0.09f}, -1);
  whiskers(a, head, {turn + 0.09f, 0.09f}, 1);
  Gaze gaze = random_gaze(a);
  gaze.pupil_height = 1.7f;
  draw_eye(a, "left_eye", part, head({turn - 0.115f, -0.03f}), 0.075f, gaze);
  draw_eye(a, "right_eye", part, head({turn + 0.115f, -0.03f}), 0.075f, gaze);
  Layer& nose = a.plan.add_detail(a.wardrobe.accent);
  add_polygon(nose, part, head, {{turn - 0.025f, 0.05f}, {turn + 0.025f, 0.05f}, {turn, 0.08f}},
              0.014f);
  draw_smile(a, head({turn, 0.085f}), head({turn - 0.07f, 0.12f}), 0.035f, 0.009f);
  draw_smile(a, head({turn, 0.085f}), head({turn + 0.07f, 0.12f}), 0.035f, 0.009f);
}

void rabbit_ear(Artist& a, int head_part, const Frame& head, float side, bool flop) {
  const int part = a.plan.add_part(side < 0 ? "left_ear" : "right_ear", head_part);
  const Vec2 root{0.09f * side, -0.13f};
  const float lean = -90 + 14 * side + a.swing(12);
  const Vec2 middle = root + polar(0.27f, lean);
  const Vec2 tip = middle + polar(flop ? 0.22f : 0.25f, flop ? lean + 105 * side : lean + 6 * side);
  Layer& ear = a.plan.add_layer(a.wardrobe.coat);
  add_limb(ear, part, head(root), head(middle), 0.055f, 0.085f);
  add_limb(ear, part, head(middle), head(tip), 0.085f, 0.045f);
  ear.shapes.back().group = ear.shapes.front().group;
  Layer& fold = a.plan.add_detail(a.wardrobe.accent);
  add_limb(fold, part, head(lerp(root, middle, 0.3f)), head(middle), 0.02f, 0.045f);
  add_limb(fold, part, head(middle), head(lerp(middle, tip, 0.85f)), 0.045f, 0.02f);
}

void rabbit_head(Artist& a, int body) {
  const int part = a.plan.add_part("head", body);
  const float tilt = a.swing(14);
  const Frame head = Frame::at({0.30f, -0.22f + a.swing(0.04f)}, tilt);
  const bool flop = a.random.chance(0.25f);
  rabbit_ear(a, part, head, -1, false);
  rabbit_ear(a, part, head, 1, flop);
  Layer& skull = a.plan.add_layer(a.wardrobe.coat);
  skull.blend = 0.08f;
  skull.gloss = a.wardrobe.gloss;
  add_ellipse(skull, part, head({0, 0}), 0.20f, 0.195f);
  add_ellipse(skull, part, head({0.04f, 0.07f}), 0.18f, 0.12f);
  Layer& muzzle = a.plan.add_detail(a.wardrobe.belly);
  muzzle.roundness = 0.5f;
  add_ellipse(muzzle, part, head({0.01f, 0.085f}), 0.065f, 0.055f);
  add_ellipse(muzzle, part, head({0.11f, 0.085f}), 0.065f, 0.055f);
  Layer& teeth = a.plan.add_detail(a.wardrobe.light);
  add_polygon(teeth, part, head,
              {{0.04f, 0.12f}, {0.08f, 0.12f}, {0.078f, 0.165f}, {0.042f, 0.165f}}, 0.008f);
  const Gaze gaze = random_gaze(a);
  draw_eye(a, "left_eye", part, head({-0.055f, -0.035f}), 0.065f, gaze);
  draw_eye(a, "right_eye", part, head({0.135f, -0.035f}), 0.065f, gaze);
  draw_cheek(a, head({-0.10f, 0.07f}), 0.04f);
  Layer& nose = a.plan.add_detail(a.wardrobe.accent);
  add_ellipse(nose, part, head({0.06f, 0.05f}), 0.032f, 0.024f);
}

void elephant_head(Artist& a, int head, int trunk) {
  const float lift = a.swing(0.04f);
  const Gaze gaze = random_gaze(a);
  {
    Layer& face = a.plan.add_layer(a.wardrobe.coat);
    face.blend = 0.10f;
    face.gloss = a.wardrobe.gloss;
    add_ellipse(face, head, {0.52f, -0.20f + lift}, 0.25f, 0.26f);
    const float curl = a.pose * a.random.uniform();
    const Vec2 root{0.66f, -0.10f + lift};
    if (curl > 0.6f) {  // raised in greeting
      add_curve(face, trunk, root, {0.92f, 0.06f}, {1.10f, -0.10f}, {0.98f, -0.42f}, 0.135f,
                0.055f);
    } else {
      add_curve(face, trunk, root, {0.90f, 0.02f}, {0.80f + 0.2f * curl, 0.42f},
                {0.98f + 0.1f * curl, 0.40f - 0.2f * curl}, 0.135f, 0.055f);
    }
  }
  draw_eye(a, "eye", head, {0.62f, -0.27f + lift}, 0.055f, gaze);
  draw_cheek(a, {0.58f, -0.12f + lift}, 0.05f);
  {
    const int tusk = a.plan.add_part("tusk", head);
    Layer& ivory = a.plan.add_layer(a.wardrobe.light);
    add_curve(ivory, tusk, {0.62f, -0.02f + lift}, {0.66f, 0.12f}, {0.76f, 0.15f}, {0.84f, 0.10f},
              0.042f, 0.014f, 5);
  }
  const int ear = a.plan.add_part("ear", head);
  const Frame at = Frame::at({0.43f, -0.24f + lift}, a.swing(16));
  const std::vector<Vec2> fan{{0.04f, -0.12f}, {-0.12f, -0.25f}, {-0.32f, -0.18f}, {-0.35f, 0.06f},
                              {-0.24f, 0.28f}, {-0.09f, 0.26f},  {0.05f, 0.08f}};
  Layer& flap = a.plan.add_layer(a.wardrobe.coat);
  flap.gloss = a.wardrobe.gloss;
  add_blob(flap, ear, at, fan);
  Layer& fold = a.plan.add_detail(a.wardrobe.accent);
  fold.opacity = 0.5f;
  fold.roundness = 0.5f;
  std::vector<Vec2> inner;
  for (Vec2 p : fan) inner.push_back(lerp({-0.14f, 0.0f}, p, 0.62f));
  add_blob(fold, ear, at, inner);
}

void toenails(Artist& a, Vec2 foot) {
  Layer& nails = a.plan.add_detail(a.wardrobe.light);
  for (float x : {-0.07f, 0.0f, 0.07f}) {
    add_ellipse(nails, -1, foot + Vec2{x, 0.085f}, 0.028f, 0.026f);
  }
}

void giraffe_head(Artist& a, int head, Vec2 at) {
  const Frame skull = Frame::at(at, 18 + a.swing(14));
  const int ear = a.plan.add_part("ear", head);
  {
    Layer& horns = a.plan.add_layer(a.wardrobe.second);
    for (float x : {-0.05f, 0.03f}) {
      add_limb(horns, head, skull({x, -0.05f}), skull({x - 0.02f, -0.20f}), 0.022f, 0.02f);
      add_ellipse(horns, head, skull({x - 0.02f, -0.21f}), 0.038f, 0.038f);
    }
    Layer& leaf = a.plan.add_layer(a.wardrobe.coat);
    add_limb(leaf, ear, skull({-0.10f, -0.05f}), skull({-0.22f, -0.10f}), 0.05f, 0.025f);
  }
  Layer& face = a.plan.add_layer(a.wardrobe.coat);
  face.blend = 0.08f;
  face.gloss = a.wardrobe.gloss;
  add_ellipse(face, head, skull({0, 0}), 0.15f, 0.115f);
  add_limb(face, head, skull({0.08f, 0.02f}), skull({0.20f, 0.03f}), 0.09f, 0.078f);
  Layer& muzzle = a.plan.add_detail(a.wardrobe.belly);
  muzzle.roundness = 0.6f;
  add_ellipse(muzzle, head, skull({0.215f, 0.035f}), 0.07f, 0.072f);
  Layer& nostril = a.plan.add_detail(a.wardrobe.dark);
  add_ellipse(nostril, head, skull({0.235f, 0.005f}), 0.014f, 0.016f);
  draw_eye(a, "eye", head, skull({0.035f, -0.03f}), 0.058f, random_gaze(a));
  draw_smile(a, skull({0.26f, 0.06f}), skull({0.15f, 0.055f}), 0.025f, 0.009f);
}

void turtle_legs(Artist& a, int body, float stride) {
  const Leg leg{{}, 0.12f, 0.11f, 0.105f, 0.085f, 90, 90, 0.05f};
  const Material& skin = a.wardrobe.second;
  const Material far = dimmed(skin, 0.78f);
  for (int side = 1; side >= 0; --side) {
    const bool hidden = side == 1;
    const float phase = hidden ? -stride : stride;
    Leg fore = leg;
    fore.hip = {hidden ? 0.34f : 0.27f, 0.17f};
    fore.hip_angle = 76 - phase;
    fore.knee_angle = 84 - phase;
    Leg hind = leg;
    hind.hip = {hidden ? -0.24f : -0.32f, 0.17f};
    hind.hip_angle = 98 + phase;
    hind.knee_angle = 90 + phase;
    draw_leg(a, hidden ? "back_leg_2" : "back_leg_1", body, hind, hidden ? far : skin,
             hidden ? far : skin);
    draw_leg(a, hidden ? "front_leg_2" : "front_leg_1", body, fore, hidden ? far : skin,
             hidden ? far : skin);
  }
}

}  // namespace

void draw_cat(Artist& a) {
  const int body = a.plan.add_part("body", -1);
  const float lift = a.swing(0.22f);
  draw_tail(a, body,
            {{-0.38f, -0.08f},
             {-0.72f, 0.02f},
             {-0.86f, -0.40f + lift},
             {-0.62f, -0.62f + lift},
             0.062f,
             0.045f,
             0},
            a.wardrobe.coat);
  const float stride = a.stride(20);
  const Leg leg{{}, 0.20f, 0.20f, 0.095f, 0.058f, 90, 90, 0.05f};
  Layer& trunk =
      draw_walking_legs(a, body, {{0.30f, 0.09f}, {-0.28f, 0.09f}, leg, stride}, a.wardrobe.belly);
  add_ellipse(trunk, body, {0, 0}, 0.44f, 0.235f, -4);
  add_ellipse(trunk, body, {0.26f, -0.06f}, 0.21f, 0.23f);
  add_ellipse(trunk, body, {-0.28f, 0.02f}, 0.22f, 0.225f);
  cat_head(a, body);
}

void draw_rabbit(Artist& a) {
  const int body = a.plan.add_part("body", -1);
  const int tail = a.plan.add_part("tail", body);
  const Material far = dimmed(a.wardrobe.coat, 0.78f);
  Leg fore{{0.20f, 0.16f}, 0.14f, 0.15f, 0.085f, 0.058f, 80 + a.swing(12), 78 + a.swing(8), 0.06f};
  Layer& fluff = a.plan.add_layer(a.wardrobe.belly);
  add_ellipse(fluff, tail, {-0.47f, 0.12f}, 0.125f, 0.12f);
  fore.hip.x += 0.07f;
  draw_leg(a, "front_leg_2", body, fore, far, dimmed(a.wardrobe.belly, 0.8f));
  Layer& trunk = a.plan.add_layer(a.wardrobe.coat);
  trunk.blend = 0.14f;
  trunk.gloss = a.wardrobe.gloss;
  add_ellipse(trunk, body, {-0.14f, 0.10f}, 0.35f, 0.30f, -12);
  add_ellipse(trunk, body, {0.17f, 0.02f}, 0.20f, 0.26f);
  fore.hip.x -= 0.09f;
  draw_leg(a, "front_leg_1", body, fore, a.wardrobe.coat, a.wardrobe.belly);
  const int haunch = a.plan.add_part("back_leg_1", body);
  const float hop = a.pose * a.random.uniform(0.0f, 0.06f);
  Layer& foot = a.plan.add_layer(a.wardrobe.belly);
  add_limb(foot, haunch, {-0.30f, 0.40f}, {0.02f, 0.42f - hop}, 0.062f, 0.055f);
  Layer& thigh = a.plan.add_layer(a.wardrobe.coat);
  thigh.gloss = a.wardrobe.gloss;
  add_ellipse(thigh, haunch, {-0.24f, 0.22f}, 0.205f, 0.19f, -15);
  rabbit_head(a, body);
}

void draw_elephant(Artist& a) {
  const int body = a.plan.add_part("body", -1);
  const float stride = a.stride(14);
  draw_tail(a, body,
            {{-0.48f, -0.10f},
             {-0.62f, -0.10f},
             {-0.66f, 0.05f},
             {-0.64f + a.swing(0.08f), 0.20f},
             0.035f,
             0.022f,
             0.045f},
            a.wardrobe.coat);
  const Leg leg{{}, 0.24f, 0.24f, 0.145f, 0.125f, 90, 90, 0};
  Layer& barrel =
      draw_walking_legs(a, body, {{0.30f, 0.14f}, {-0.29f, 0.14f}, leg, stride}, a.wardrobe.coat);
  add_ellipse(barrel, body, {0, -0.06f}, 0.52f, 0.36f);
  add_ellipse(barrel, body, {-0.24f, -0.02f}, 0.28f, 0.34f);
  toenails(a, barrel.shapes[1].b);
  toenails(a, barrel.shapes[3].b);
  const int head = a.plan.add_part("head", body);
  const int trunk = a.plan.add_part("trunk", head);
  elephant_head(a, head, trunk);
}

void draw_giraffe(Artist& a) {
  const int body = a.plan.add_part("body", -1);
  const float stride = a.stride(14);
  draw_tail(a, body,
            {{-0.32f, -0.08f},
             {-0.44f, -0.08f},
             {-0.48f, 0.08f},
             {-0.46f + a.swing(0.08f), 0.24f},
             0.028f,
             0.02f,
             0.042f},
            a.wardrobe.coat);
  const Leg leg{{}, 0.32f, 0.30f, 0.085f, 0.042f, 90, 90, 0.035f};
  const Material hoof = a.wardrobe.dark;
  const int neck = a.plan.add_part("neck", body);
  const int head = a.plan.add_part("head", neck);
  const Vec2 shoulder{0.24f, -0.08f};
  const float bend = a.swing(14);
  const Vec2 nape = shoulder + polar(0.74f, -74 + bend);
  const Vec2 bow = shoulder + polar(0.40f, -64 + bend * 0.5f);
  Layer& mane = a.plan.add_layer(a.wardrobe.second);
  const Vec2 behind{-0.085f, -0.01f};
  add_curve(mane, neck, shoulder + behind * 1.5f, bow + behind, bow + behind, nape + behind, 0.07f,
            0.05f);
  Layer& trunk = draw_walking_legs(a, body, {{0.25f, 0.07f}, {-0.22f, 0.08f}, leg, stride}, hoof);
  add_ellipse(trunk, body, {0, 0}, 0.35f, 0.205f, -8);
  add_curve(trunk, neck, shoulder, bow, bow, nape, 0.145f, 0.078f);
  giraffe_head(a, head, nape + Vec2{0.04f, -0.05f});
}

void draw_turtle(Artist& a) {
  const int body = a.plan.add_part("shell", -1);
  const float stride = a.stride(22);
  const Material& skin = a.wardrobe.second;
  const int tail = a.plan.add_part("tail", body);
  Layer& tip = a.plan.add_layer(skin);
  add_limb(tip, tail, {-0.46f, 0.14f}, {-0.68f, 0.20f + a.swing(0.06f)}, 0.075f, 0.018f);
  turtle_legs(a, body, stride);
  const int head = a.plan.add_part("head", body);
  const Vec2 face{0.70f + a.swing(0.05f), -0.10f + a.swing(0.10f)};
  Layer& neck = a.plan.add_layer(skin);
  neck.blend = 0.08f;
  neck.gloss = a.wardrobe.gloss;
  add_curve(neck, head, {0.36f, 0.14f}, {0.52f, 0.14f}, {0.58f, 0.06f}, face, 0.095f, 0.085f, 6);
  add_ellipse(neck, head, face + Vec2{0.03f, -0.02f}, 0.165f, 0.135f, -8);
  draw_eye(a, "eye", head, face + Vec2{0.07f, -0.055f}, 0.06f, random_gaze(a));
  draw_smile(a, face + Vec2{0.17f, 0.015f}, face + Vec2{0.04f, 0.04f}, 0.04f, 0.010f);
  draw_cheek(a, face + Vec2{-0.01f, 0.03f}, 0.04f);
  Layer& dome = a.plan.add_layer(a.wardrobe.coat);
  dome.gloss = a.wardrobe.gloss;
  add_blob(dome, body, Frame{},
           {{-0.52f, 0.16f},
            {-0.47f, -0.08f},
            {-0.30f, -0.30f},
            {-0.02f, -0.40f},
            {0.27f, -0.30f},
            {0.45f, -0.08f},
            {0.50f, 0.16f},
            {0.0f, 0.20f}});
  Layer& plates = a.plan.add_detail(a.wardrobe.accent);
  plates.roundness = 0.8f;
  plates.opacity = 0.55f;
  plates.clip = dome.shapes;
  for (float x : {-0.31f, 0.0f, 0.30f}) {
    std::vector<Vec2> hexagon;
    for (int k = 0; k < 6; ++k) {
      hexagon.push_back(polar(0.12f, 60.0f * static_cast<float>(k) + 30));
    }
    add_polygon(plates, body, Frame::at({x, -0.12f + 0.9f * x * x}, 60 * x), hexagon, 0.015f);
  }
  Layer& rim = a.plan.add_layer(a.wardrobe.belly);
  rim.shadow = 0.6f;
  add_curve(rim, body, {-0.52f, 0.15f}, {-0.2f, 0.21f}, {0.2f, 0.21f}, {0.50f, 0.15f}, 0.058f,
            0.058f, 6);
}

}  // namespace cutaway::tools::creatures
