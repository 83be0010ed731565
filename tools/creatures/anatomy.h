/// \file
/// Body parts shared by several species.
#pragma once

#include <string>

#include "tools/creatures/palette.h"
#include "tools/creatures/plan.h"

namespace cutaway::tools::creatures {

/// Everything a species needs to draw itself once.
struct Artist {
  Plan& plan;
  Random& random;
  const Wardrobe& wardrobe;
  float pose;  ///< 0: the same posture each time, 1: full variation of joint angles

  /// A random angle in degrees (or other amount), scaled by the pose knob.
  float swing(float spread) { return pose * random.around(spread); }
  /// A random stride in degrees, at least a third of `most` so that all four legs show.
  float stride(float most) {
    const float s = lerp(most * 0.5f, random.uniform(most * 0.33f, most), pose);
    return random.chance(0.5f) ? s : -s;
  }
};

/// A leg of two bones and a foot.
struct Leg {
  Vec2 hip;
  float upper = 0.25f, lower = 0.25f;            ///< bone lengths
  float hip_radius = 0.1f, foot_radius = 0.06f;  ///< limb radii
  float hip_angle = 90, knee_angle = 90;         ///< degrees from +x, 90 is straight down
  float foot = 0.08f;                            ///< length of the foot, 0 for none
};

/// Draws the foot in `foot` and the bones in `material`.
void draw_leg(Artist& artist,
              const std::string& name,
              int parent,
              const Leg& leg,
              const Material& material,
              const Material& foot);

/// The four legs of a walker. First the two behind the body (dimmed, front_leg_2 and back_leg_2),
/// then the feet of the two in front (front_leg_1 and back_leg_1). Returns the layer of the body,
/// with the bones of the latter in it: add the body's own shapes.
struct Gait {
  Vec2 front_hip, back_hip;  ///< of the near legs; the far ones stand a little inwards
  Leg shape;
  float stride = 0;  ///< degrees
};
Layer& draw_walking_legs(Artist& artist, int body, const Gait& gait, const Material& foot);

/// A face has eyes that look the same way; `pupil_height` > 1 gives slit pupils.
struct Gaze {
  Vec2 look;
  float pupil_height = 1;
};
Gaze random_gaze(Artist& artist);
void draw_eye(
    Artist& artist, const std::string& name, int parent, Vec2 at, float radius, const Gaze& gaze);
/// The same as a piece of an existing part.
void draw_eyeball(Artist& artist, int part, Vec2 at, float radius, const Gaze& gaze);

/// A smiling mouth line from a to b, sagging by `sag`.
void draw_smile(Artist& artist, Vec2 a, Vec2 b, float sag, float radius);

/// A tail along a curve; tuft > 0 adds a ball of that radius at its tip.
struct Tail {
  Vec2 p0, p1, p2, p3;
  float r0 = 0.06f, r1 = 0.04f;
  float tuft = 0;
};
void draw_tail(Artist& artist, int parent, const Tail& tail, const Material& material);

/// Blushing cheek: a soft ellipse of the accent colour.
void draw_cheek(Artist& artist, Vec2 at, float radius);

}  // namespace cutaway::tools::creatures
