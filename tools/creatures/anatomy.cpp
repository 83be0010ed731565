#include "tools/creatures/anatomy.h"

#include <array>

namespace cutaway::tools::creatures {

namespace {

void add_bones(Layer& layer, int part, const Leg& leg) {
  const Vec2 knee = leg.hip + polar(leg.upper, leg.hip_angle);
  const Vec2 ankle = knee + polar(leg.lower, leg.knee_angle);
  const float knee_radius = lerp(leg.hip_radius, leg.foot_radius, 0.7f);
  add_limb(layer, part, leg.hip, knee, leg.hip_radius, knee_radius);
  const int group = layer.shapes.back().group;
  add_limb(layer, part, knee, ankle, knee_radius, leg.foot_radius);
  layer.shapes.back().group = group;
}

void add_foot(Artist& artist, int part, const Leg& leg, const Material& material) {
  if (!(leg.foot > 0)) return;
  const Vec2 knee = leg.hip + polar(leg.upper, leg.hip_angle);
  const Vec2 ankle = knee + polar(leg.lower, leg.knee_angle);
  Layer& paw = artist.plan.add_layer(material);
  add_limb(paw, part, ankle, ankle + Vec2{leg.foot, 0}, leg.foot_radius * 1.05f,
           leg.foot_radius * 0.9f);
}

}  // namespace

void draw_leg(Artist& artist,
              const std::string& name,
              int parent,
              const Leg& leg,
              const Material& material,
              const Material& foot) {
  const int part = artist.plan.add_part(name, parent);
  add_foot(artist, part, leg, foot);
  Layer& bones = artist.plan.add_layer(material);
  bones.gloss = artist.wardrobe.gloss;
  add_bones(bones, part, leg);
}

Layer& draw_walking_legs(Artist& artist, int body, const Gait& gait, const Material& foot) {
  const Material& coat = artist.wardrobe.coat;
  std::array<Leg, 4> legs;  // far back, far front, near back, near front
  for (std::size_t k = 0; k < 4; ++k) {
    const bool far = k < 2;
    const bool front = k % 2 == 1;
    const float phase = (far == front) ? gait.stride : -gait.stride;
    Leg& leg = legs[k];
    leg = gait.shape;
    leg.hip = front ? gait.front_hip : gait.back_hip;
    if (far) leg.hip.x += front ? -0.03f : 0.04f;
    leg.hip_angle = (front ? 90.0f : 85.0f) + phase + artist.swing(6);
    leg.knee_angle = leg.hip_angle + (front ? 5.0f : 10.0f);
  }
  draw_leg(artist, "back_leg_2", body, legs[0], dimmed(coat, 0.78f), dimmed(foot, 0.78f));
  draw_leg(artist, "front_leg_2", body, legs[1], dimmed(coat, 0.78f), dimmed(foot, 0.78f));
  const int back = artist.plan.add_part("back_leg_1", body);
  const int front = artist.plan.add_part("front_leg_1", body);
  add_foot(artist, back, legs[2], foot);
  add_foot(artist, front, legs[3], foot);
  Layer& trunk = artist.plan.add_layer(coat);
  trunk.blend = 0.09f;
  trunk.rise = 0.13f;
  trunk.gloss = artist.wardrobe.gloss;
  add_bones(trunk, back, legs[2]);
  add_bones(trunk, front, legs[3]);
  return trunk;
}

Gaze random_gaze(Artist& artist) {
  Gaze gaze;
  gaze.look.x = 0.1f + artist.swing(0.25f);
  gaze.look.y = artist.swing(0.2f);
  return gaze;
}

void draw_eye(
    Artist& artist, const std::string& name, int parent, Vec2 at, float radius, const Gaze& gaze) {
  draw_eyeball(artist, artist.plan.add_part(name, parent), at, radius, gaze);
}

void draw_eyeball(Artist& artist, int part, Vec2 at, float radius, const Gaze& gaze) {
  const Wardrobe& w = artist.wardrobe;
  const Vec2 centre = at + gaze.look * (0.45f * radius);
  const bool simple = w.simple_eyes;
  {
    Layer& ball = artist.plan.add_layer(simple ? w.dark : w.light);
    ball.outline = simple ? 0 : 0.7f;
    ball.roundness = 0.25f;
    ball.shadow = 0.3f;
    const float r = simple ? 0.8f * radius : radius;
    add_ellipse(ball, part, at, r, r);
  }
  if (!simple) {
    Layer& iris = artist.plan.add_detail(plain(w.iris, 0));
    add_ellipse(iris, part, centre, 0.72f * radius, 0.76f * radius);
    Layer& pupil = artist.plan.add_detail(w.dark);
    add_ellipse(pupil, part, centre, 0.5f * radius / gaze.pupil_height, 0.52f * radius);
  }
  Layer& glint = artist.plan.add_detail(plain(Color{1, 1, 1}, 0));
  add_ellipse(glint, part, centre + Vec2{-0.22f, -0.28f} * radius, 0.24f * radius, 0.24f * radius);
}

void draw_smile(Artist& artist, Vec2 a, Vec2 b, float sag, float radius) {
  Layer& line = artist.plan.add_detail(artist.wardrobe.dark);
  const Vec2 down{0, sag};
  add_curve(line, -1, a, lerp(a, b, 0.3f) + down, lerp(a, b, 0.7f) + down, b, radius, radius, 6);
}

void draw_tail(Artist& artist, int parent, const Tail& tail, const Material& material) {
  const int part = artist.plan.add_part("tail", parent);
  Layer& curve = artist.plan.add_layer(material);
  curve.gloss = artist.wardrobe.gloss;
  add_curve(curve, part, tail.p0, tail.p1, tail.p2, tail.p3, tail.r0, tail.r1);
  if (tail.tuft > 0) {
    Layer& tuft = artist.plan.add_layer(artist.wardrobe.second);
    const Vec2 along = tail.p3 - tail.p2;
    const float len = length(along);
    const Vec2 tip = tail.p3 + along * (1.1f * tail.tuft / (len > 0 ? len : 1));
    add_limb(tuft, part, tail.p3, tip, 0.7f * tail.tuft, tail.tuft);
  }
}

void draw_cheek(Artist& artist, Vec2 at, float radius) {
  Layer& blush = artist.plan.add_detail(artist.wardrobe.accent);
  blush.opacity = 0.45f;
  add_ellipse(blush, -1, at, radius, 0.75f * radius);
}

}  // namespace cutaway::tools::creatures
