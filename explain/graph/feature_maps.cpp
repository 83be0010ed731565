#include "explain/graph/feature_maps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/vector_sums.h"
#include "runtime/error.h"

namespace cutaway::explain::graph {
namespace {

std::size_t element(FeatureMaps::Storage storage) {
  return storage == FeatureMaps::Storage::kHalf ? 2 : 4;
}

float weight_of(float x) { return x > 0 ? x : 0.0f; }

}  // namespace

std::size_t FeatureMaps::bytes(
    std::int64_t images, std::int64_t filters, std::int64_t size, Storage storage, bool mirrored) {
  return static_cast<std::size_t>(images * filters * size * size) * element(storage) *
         (mirrored ? 2 : 1);
}

FeatureMaps::FeatureMaps(std::int64_t images,
                         std::int64_t filters,
                         std::int64_t size,
                         Storage storage,
                         bool mirrored,
                         std::shared_ptr<std::byte> memory)
    : images_(images),
      filters_(filters),
      size_(size),
      storage_(storage),
      mirrored_(mirrored),
      memory_(std::move(memory)) {
  if (images < 1 || filters < 1 || size < 1 || images > (1 << 24) || filters > 65536 ||
      size > 4096) {
    throw Error(ErrorKind::kShape, "extents of feature maps");
  }
  if (memory_ != nullptr) return;
  const std::size_t count = bytes(images, filters, size, storage, mirrored);
  memory_ = std::shared_ptr<std::byte>(new std::byte[count](), std::default_delete<std::byte[]>());
}

std::byte* FeatureMaps::at(std::int64_t image, bool mirrored) const {
  check(image >= 0 && image < images_ && (!mirrored || mirrored_),
        "no such image among the features");
  const std::int64_t index = image + (mirrored ? images_ : 0);
  return memory_.get() +
         static_cast<std::size_t>(index * filters_ * size_ * size_) * element(storage_);
}

void FeatureMaps::set(std::int64_t image, std::span<const float> values, bool mirrored) {
  const std::int64_t count = filters_ * size_ * size_;
  if (static_cast<std::int64_t>(values.size()) != count) {
    throw Error(ErrorKind::kShape, "feature maps of an image")
        .expected(std::to_string(count) + " values")
        .got(std::to_string(values.size()));
  }
  std::vector<float> kept(values.size());
  std::ranges::transform(values, kept.begin(), weight_of);
  if (storage_ == Storage::kHalf) {
    kernels::floats_to_halves(kept.data(), reinterpret_cast<std::uint16_t*>(at(image, mirrored)),
                              count);
  } else {
    std::memcpy(at(image, mirrored), kept.data(), kept.size() * sizeof(float));
  }
}

std::vector<float> FeatureMaps::get(std::int64_t image, bool mirrored) const {
  std::vector<float> values(static_cast<std::size_t>(filters_ * size_ * size_));
  const std::byte* from = at(image, mirrored);
  if (storage_ == Storage::kHalf) {
    kernels::halves_to_floats(reinterpret_cast<const std::uint16_t*>(from), values.data(),
                              static_cast<std::int64_t>(values.size()));
  } else {
    std::memcpy(values.data(), from, values.size() * sizeof(float));
  }
  return values;
}

std::span<const std::byte> FeatureMaps::memory() const {
  return {memory_.get(), bytes(images_, filters_, size_, storage_, mirrored_)};
}

kernels::PatternMaps FeatureMaps::maps(std::span<const std::uint8_t> mirror,
                                       const std::byte* copy) const {
  check(mirror.empty() || (mirrored_ && static_cast<std::int64_t>(mirror.size()) == images_),
        "an orientation for every image needs mirrored features");
  kernels::PatternMaps maps;
  maps.images = images_;
  maps.filters = filters_;
  maps.size = size_;
  const std::byte* first = copy != nullptr ? copy : memory_.get();
  const std::byte* second = mirrored_ ? first + (at(0, true) - memory_.get()) : nullptr;
  if (storage_ == Storage::kHalf) {
    maps.f16 = reinterpret_cast<const std::uint16_t*>(first);
    maps.mirrored_f16 = reinterpret_cast<const std::uint16_t*>(second);
  } else {
    maps.f32 = reinterpret_cast<const float*>(first);
    maps.mirrored_f32 = reinterpret_cast<const float*>(second);
  }
  maps.mirror = mirror.empty() ? nullptr : mirror.data();
  return maps;
}

UnitDeviation::UnitDeviation(std::int64_t filters, std::int64_t size)
    : filters_(filters),
      size_(size),
      sum_(static_cast<std::size_t>(filters * size * size)),
      squares_(sum_.size()) {}

void UnitDeviation::add(std::span<const float> values) {
  if (values.size() != sum_.size()) {
    throw Error(ErrorKind::kShape, "feature maps of a negative image")
        .expected(std::to_string(sum_.size()) + " values")
        .got(std::to_string(values.size()));
  }
  kernels::add_moments(values, 1.0, sum_.data(), squares_.data());
  ++images_;
}

std::vector<float> UnitDeviation::sigma(bool per_filter) const {
  if (images_ == 0) throw Error(ErrorKind::kUsage, "no negative images to scale the filters by");
  const auto n = static_cast<double>(images_);
  std::vector<double> variance(sum_.size());
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    const double mean = sum_[i] / n;
    variance[i] = std::max(0.0, squares_[i] / n - mean * mean);
  }
  if (per_filter) {
    const auto cells = static_cast<std::size_t>(size_ * size_);
    for (std::size_t d = 0; d < variance.size(); d += cells) {
      double mean = 0;
      for (std::size_t j = 0; j < cells; ++j) mean += variance[d + j];
      std::fill_n(variance.begin() + static_cast<std::ptrdiff_t>(d), cells,
                  mean / static_cast<double>(cells));
    }
  }
  std::vector<float> sigma(variance.size());
  std::ranges::transform(variance, sigma.begin(),
                         [](double v) { return static_cast<float>(std::sqrt(v)); });
  std::vector<float> sorted = sigma;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  const float least = *middle > 0 ? 1e-6f * *middle : 1.0f;
  for (float& s : sigma) s = s >= least ? s : least;
  return sigma;
}

void to_weights(std::span<float> values, std::span<const float> sigma) {
  check(values.size() == sigma.size(), "a sigma for every unit");
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = weight_of(values[i]) / sigma[i];
}

}  // namespace cutaway::explain::graph
