#include "explain/units/top_activations.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// The first maximum of one plane, row by row; false when every value is NaN.
bool first_maximum(std::span<const float> plane, std::int64_t width, Activation& found) {
  std::size_t best = plane.size();
  for (std::size_t i = 0; i < plane.size(); ++i) {
    const bool better = best == plane.size() ? plane[i] == plane[i] : plane[i] > plane[best];
    if (better) best = i;
  }
  if (best == plane.size()) return false;
  found.value = plane[best];
  found.row = static_cast<std::int64_t>(best) / width;
  found.column = static_cast<std::int64_t>(best) % width;
  return true;
}

}  // namespace

bool stronger(const Activation& a, const Activation& b) {
  return a.value != b.value ? a.value > b.value : a.image < b.image;
}

TopActivations::TopActivations(std::int64_t maps, std::size_t most) : most_(most) {
  if (maps < 1 || most < 1)
    throw Error(ErrorKind::kUsage, "top activations of no maps, or none of them");
  best_.resize(static_cast<std::size_t>(maps));
}

void TopActivations::offer(std::size_t map, const Activation& candidate) {
  std::vector<Activation>& best = best_[map];
  if (best.size() == most_ && !stronger(candidate, best.back())) return;
  best.insert(std::upper_bound(best.begin(), best.end(), candidate, stronger), candidate);
  if (best.size() > most_) best.pop_back();
}

void TopActivations::add(const Tensor& maps, std::span<const std::int64_t> images) {
  const Shape& s = maps.shape();
  if (s.c != this->maps() || static_cast<std::int64_t>(images.size()) > s.n || s.plane() < 1) {
    throw Error(ErrorKind::kShape, "feature maps of another layer")
        .expected(std::to_string(this->maps()) + " maps, at least " +
                  std::to_string(images.size()) + " images")
        .got(to_string(s));
  }
  const auto plane = static_cast<std::size_t>(s.plane());
  const std::span<const float> values = maps.f32();
  for (std::size_t n = 0; n < images.size(); ++n) {
    for (std::size_t c = 0; c < best_.size(); ++c) {
      Activation candidate;
      candidate.image = images[n];
      const auto at = (n * best_.size() + c) * plane;
      if (first_maximum(values.subspan(at, plane), s.w, candidate)) offer(c, candidate);
    }
  }
}

void TopActivations::add(std::int64_t map, const Activation& candidate) {
  (void)of(map);  // there is such a map
  offer(static_cast<std::size_t>(map), candidate);
}

void TopActivations::merge(const TopActivations& other) {
  if (other.maps() != maps()) throw Error(ErrorKind::kShape, "top activations of two layers");
  for (std::size_t map = 0; map < best_.size(); ++map) {
    for (const Activation& candidate : other.best_[map]) offer(map, candidate);
  }
}

std::span<const Activation> TopActivations::of(std::int64_t map) const {
  if (map < 0 || map >= maps()) {
    throw Error(ErrorKind::kUsage, "feature map")
        .expected("0 to " + std::to_string(maps() - 1))
        .got(std::to_string(map));
  }
  return best_[static_cast<std::size_t>(map)];
}

}  // namespace cutaway::explain
