#include <algorithm>

#include "layers/average_pool.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's operators that give values other extents, and means along axes.
namespace cutaway::weights::onnx {
namespace {

/// The extents of a value behind the batch.
Extents extents_of(const Builder& b, const Computed& x) {
  const Shape& s = b.shape_of(x.node);
  if (x.rank == 3) return {s.c, s.h * s.w};
  if (x.rank == 4) return {s.c, s.h, s.w};
  return {s.c};
}

void flatten_to(Builder& b, const Node& node, const Computed& x) {
  // Vectors stay as they are: there is nothing to put in another order.
  if (b.shape_of(x.node).plane() == 1) return b.define(node, {x.node, 2});
  b.define(node, {b.add(node, std::make_shared<Flatten>(), {x.node}), 2});
}

/// Axes as places, without repeats and in order. Throws Unsupported for one that is not there.
std::vector<std::size_t> places_of(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::size_t> places;
  for (const std::int64_t a : axes) {
    const auto place = static_cast<std::size_t>(a < 0 ? a + static_cast<std::int64_t>(rank) : a);
    if (place >= rank) throw Unsupported{"with an axis that is not there"};
    places.push_back(place);
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

/// The extents that a reshaping asks for, behind the batch; nothing when it changes the batch, or
/// does not fit `from`. 0 takes what was there, -1 what is left; the first extent is the batch: 0,
/// 1, or the file's own, or a -1 that leaves it as it is.
std::optional<Extents> reshaped(const Builder& b,
                                const std::vector<std::int64_t>& to,
                                const Extents& from,
                                bool zero_is_zero) {
  if (to.size() < 2) return std::nullopt;
  const bool same_batch = to[0] == kBatch || (to[0] == 0 && !zero_is_zero) || to[0] == 1 ||
                          to[0] == b.batch() || to[0] == -1;
  if (!same_batch) return std::nullopt;
  const std::int64_t all = count_of(from);
  Extents result(to.begin() + 1, to.end());
  std::int64_t known = 1;
  std::int64_t* rest = nullptr;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] == 0 && !zero_is_zero && i < from.size()) result[i] = from[i];
    if (result[i] == -1 && rest == nullptr && to[0] != -1) {
      rest = &result[i];
    } else if (result[i] < 1 || result[i] > all) {
      return std::nullopt;
    } else if ((known *= result[i]) > all) {
      return std::nullopt;
    }
  }
  if (rest != nullptr) *rest = all / known;
  return count_of(result) == all ? std::optional(result) : std::nullopt;
}

}  // namespace

void flatten(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::int64_t axis = integer_of(node, "axis", 1);
  if (x.rank < 2 || (axis != 1 && axis + static_cast<std::int64_t>(x.rank) != 1))
    throw Unsupported{"at another axis than 1"};
  flatten_to(b, node, x);
}

void reshape(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::vector<std::int64_t> to = b.integers_or(node, 1, "shape", {});
  const Extents from = extents_of(b, x);
  const Shape& s = b.shape_of(x.node);
  if (const auto e = reshaped(b, to, from, integer_of(node, "allowzero", 0) != 0);
      e && x.rank > 1) {
    if (e->size() == 1) return flatten_to(b, node, x);
    if (*e == Extents{s.c, s.h, s.w}) return b.define(node, {x.node, 4});
    if (*e == Extents{s.c, s.h * s.w}) return b.define(node, {x.node, 3});
  }
  throw Unsupported{"to " + cutaway::weights::text_of(to) + ", which does not flatten"};
}

void squeeze(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Shape& s = b.shape_of(x.node);
  const auto axes = b.integers_or(node, 1, "axes", {});
  std::vector<std::size_t> places = places_of(axes, x.rank);
  const Extents e = extents_of(b, x);
  if (axes.empty() && x.rank > 1) {  // all that are 1
    if (b.batch_is_one()) places.push_back(0);
    for (std::size_t i = 0; i < e.size(); ++i) {
      if (e[i] == 1) places.push_back(i + 1);
    }
  }
  if (places.empty()) return b.define(node, x);
  const bool batch = std::find(places.begin(), places.end(), 0) != places.end();
  const bool channels = std::find(places.begin(), places.end(), 1) != places.end();
  for (const std::size_t p : places) {
    if (p > 0 && e[p - 1] != 1) throw Unsupported{"of an axis that is longer than 1"};
  }
  if (channels || x.rank < 2) throw Unsupported{"of the channels"};
  if (batch && (!b.batch_is_one() || s.plane() != 1 || places.size() + 1 != x.rank))
    throw Unsupported{"of the batch"};
  b.define(node, {x.node, x.rank - places.size()});
}

void unsqueeze(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Shape& s = b.shape_of(x.node);
  const auto axes = b.integers_or(node, 1, "axes", {});
  const std::vector<std::size_t> places = places_of(axes, x.rank + axes.size());
  const std::size_t rank = x.rank + places.size();
  const bool behind =
      std::all_of(places.begin(), places.end(), [](std::size_t p) { return p >= 2; });
  // One axis is rows and columns in one: a new one behind it is columns of 1.
  const bool fits =
      s.plane() == 1 || (x.rank == 3 && ((places == std::vector<std::size_t>{3} && s.w == 1) ||
                                         (places == std::vector<std::size_t>{2} && s.h == 1)));
  if (places.size() != axes.size() || x.rank < 2 || rank > 4 || !behind || !fits)
    throw Unsupported{"to extents that are not those of maps"};
  b.define(node, {x.node, rank});
}

// The mean over rows and columns is global average pooling, over one of them average pooling.
void reduce_mean(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::vector<std::size_t> places = places_of(b.integers_or(node, 1, "axes", {}), x.rank);
  const bool keeps = integer_of(node, "keepdims", 1) != 0;
  const Shape& s = b.shape_of(x.node);
  const std::size_t rank = keeps ? x.rank : x.rank - places.size();
  using Places = std::vector<std::size_t>;
  if ((x.rank == 4 && places == Places{2, 3}) || (x.rank == 3 && places == Places{2})) {
    return b.define(node, {b.add(node, std::make_shared<GlobalAveragePool>(), {x.node}), rank});
  }
  const bool rows = places == Places{2};
  if (x.rank != 4 || !(rows || places == Places{3}))
    throw Unsupported{"over other axes than rows and columns"};
  const kernels::PoolGeometry g{static_cast<std::int32_t>(rows ? s.h : 1),
                                static_cast<std::int32_t>(rows ? 1 : s.w),
                                1,
                                1,
                                0,
                                0};
  b.define(node, {b.add(node, std::make_shared<AveragePool>(g, false, false), {x.node}), rank});
}

}  // namespace cutaway::weights::onnx
