#include "explain/study/correspondence_study.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

/// One layer's features of all images, one below the other.
std::vector<Tensor> stacked(Features& features,
                            std::span<const CorrespondenceImage> images,
                            const std::function<Tensor(std::size_t)>& input,
                            const std::function<void()>& watch) {
  std::vector<Tensor> all;
  for (std::size_t n = 0; n < images.size(); ++n) {
    if (watch) watch();
    const std::vector<Tensor> values = features.of(input(n));
    for (std::size_t l = 0; l < values.size(); ++l) {
      if (n == 0) {
        Shape shape = values[l].shape();
        shape.n = static_cast<std::int64_t>(images.size());
        all.push_back(zeros(shape));
      }
      const auto from = values[l].f32();
      std::ranges::copy(from, all[l].f32().subspan(n * from.size(), from.size()).begin());
    }
  }
  return all;
}

std::vector<Correspondence> compare(const std::vector<Tensor>& whole,
                                    const std::vector<Tensor>& hidden) {
  std::vector<Correspondence> layers;
  for (std::size_t l = 0; l < whole.size(); ++l)
    layers.push_back(correspondence(whole[l], hidden[l]));
  return layers;
}

/// The first row (or column) of `extent` somewhere in `within`, inside 0 to `plane`.
std::int64_t place(std::int64_t extent,
                   const Span& within,
                   std::int64_t plane,
                   std::uint32_t word) {
  const std::int64_t room = std::max<std::int64_t>(0, within.size() - extent);
  const std::int64_t at = within.first + static_cast<std::int64_t>(word) % (room + 1);
  return std::clamp<std::int64_t>(at, 0, std::max<std::int64_t>(0, plane - extent));
}

}  // namespace

Tensor painted(const Tensor& image, const Region& where, std::span<const float> fill) {
  const Shape& s = image.shape();
  check(static_cast<std::int64_t>(fill.size()) == s.c, "a fill value a channel");
  Tensor out = image.clone();
  View<float> v = out.ref().out();
  const std::int64_t top = std::max<std::int64_t>(0, where.rows.first);
  const std::int64_t left = std::max<std::int64_t>(0, where.columns.first);
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      for (std::int64_t i = top; i <= std::min(s.h - 1, where.rows.last); ++i) {
        for (std::int64_t j = left; j <= std::min(s.w - 1, where.columns.last); ++j) {
          v.at(n, c, i, j) = fill[static_cast<std::size_t>(c)];
        }
      }
    }
  }
  return out;
}

Region random_place(const Region& like,
                    const Region& object,
                    const Shape& image,
                    std::uint64_t seed,
                    std::uint64_t number,
                    std::uint64_t draw) {
  const Philox::Block b = Philox{seed, number}.block(draw);
  const std::int64_t h = like.rows.size(), w = like.columns.size();
  const std::int64_t row = place(h, object.rows, image.h, b.v[0]);
  const std::int64_t column = place(w, object.columns, image.w, b.v[1]);
  return {{row, row + h - 1}, {column, column + w - 1}};
}

Correspondence pooled(std::span<const Correspondence> draws) {
  Correspondence all;
  const auto count = static_cast<double>(draws.size());
  if (draws.empty()) return all;
  for (const Correspondence& c : draws) {
    all.mean += c.mean / count;
    all.sum += c.sum / count;
  }
  for (const Correspondence& c : draws) {
    all.deviation += (c.deviation * c.deviation + std::pow(c.mean - all.mean, 2.0)) / count;
  }
  all.deviation = std::sqrt(all.deviation);
  return all;
}

CorrespondenceTable study_correspondence(Features& features,
                                         std::span<const CorrespondenceImage> images,
                                         std::span<const float> fill,
                                         std::int64_t draws,
                                         std::uint64_t seed,
                                         const std::function<void()>& watch,
                                         const KnownRow& known) {
  const std::size_t parts = images.empty() ? 0 : images.front().parts.size();
  const bool same = std::ranges::all_of(
      images, [&](const CorrespondenceImage& i) { return i.parts.size() == parts; });
  if (images.size() < 2 || parts == 0 || !same) {
    throw Error(ErrorKind::kUsage, "correspondence")
        .expected("two images or more with the same parts");
  }
  std::vector<Tensor> whole;  // made when the first row is
  const auto with = [&](const std::string& name, const std::vector<Region>& where) {
    const MakeRow make = [&] {
      if (whole.empty()) {
        whole = stacked(
            features, images, [&](std::size_t n) { return images[n].input.clone(); }, watch);
      }
      const auto hide = [&](std::size_t n) { return painted(images[n].input, where[n], fill); };
      return compare(whole, stacked(features, images, hide, watch));
    };
    return known ? known(name, make) : make();
  };
  CorrespondenceTable table;
  for (std::size_t p = 0; p < parts; ++p) {
    std::vector<Region> where;
    for (const CorrespondenceImage& i : images) where.push_back(i.parts[p]);
    table.parts.push_back(with("part " + std::to_string(p), where));
  }
  std::vector<std::vector<Correspondence>> by_layer(features.layers().size());
  for (std::int64_t d = 0; d < draws; ++d) {
    std::vector<Region> where;
    for (std::size_t n = 0; n < images.size(); ++n) {
      const CorrespondenceImage& i = images[n];
      where.push_back(random_place(i.parts[static_cast<std::size_t>(d) % parts], i.object,
                                   i.input.shape(), seed, n, static_cast<std::uint64_t>(d)));
    }
    const auto layers = with("draw " + std::to_string(d), where);
    for (std::size_t l = 0; l < layers.size(); ++l) by_layer[l].push_back(layers[l]);
    table.places.push_back(std::move(where));
  }
  for (const auto& results : by_layer) table.random.push_back(pooled(results));
  return table;
}

}  // namespace cutaway::explain
