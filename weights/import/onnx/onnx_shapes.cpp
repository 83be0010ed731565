#include <algorithm>

#include "layers/concat.h"
#include "layers/flatten.h"
#include "layers/rearrange.h"
#include "layers/slice.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's operators that give values other extents: reshaping, transposing, cutting, joining.
namespace cutaway::weights::onnx {

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

std::size_t place_of(std::int64_t axis, std::size_t rank) { return places_of({axis}, rank)[0]; }

namespace {

/// The extents that a reshaping asks for, behind the batch; nothing when it changes the batch, or
/// does not fit `from`. 0 takes what was there, -1 what is left; the first extent is the batch: 0,
/// 1, or the file's own, or a -1 that leaves it as it is.
std::optional<Extents> asked_for(const Builder& b,
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

/// One vector a picture. A vector stays as it is: there is nothing to put in another order.
void flatten_to(Builder& b, const Node& node) {
  Computed x = b.pending(node, 0);
  if (!x.order.empty()) x = b.computed(node, 0);
  if (b.shape_of(x.node).plane() == 1) return b.define(node, {x.node, 2});
  b.define(node, {b.add(node, std::make_shared<Flatten>(), {x.node}), 2});
}

}  // namespace

void flatten(Builder& b, const Node& node) {
  const Computed& x = b.pending(node, 0);
  const std::int64_t axis = integer_of(node, "axis", 1);
  if (x.rank < 2 || (axis != 1 && axis + static_cast<std::int64_t>(x.rank) != 1))
    throw Unsupported{"at another axis than 1"};
  flatten_to(b, node);
}

void reshape(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  const std::vector<std::int64_t> to = b.integers_or(node, 1, "shape", {});
  const auto e = asked_for(b, to, b.extents_of(x), integer_of(node, "allowzero", 0) != 0);
  if (!e || x.rank < 2)
    throw Unsupported{"to " + cutaway::weights::text_of(to) + ", which is another batch"};
  if (e->size() == 1) return flatten_to(b, node);
  b.define(node, b.reshaped(node, x, *e));
}

void squeeze(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  const auto axes = b.integers_or(node, 1, "axes", {});
  std::vector<std::size_t> places = places_of(axes, x.rank);
  const Extents e = b.extents_of(x);
  if (axes.empty() && x.rank > 1) {  // all that are 1
    if (b.batch_is_one()) places.push_back(0);
    for (std::size_t i = 0; i < e.size(); ++i) {
      if (e[i] == 1) places.push_back(i + 1);
    }
  }
  if (places.empty()) return b.define(node, x);
  Extents left;
  bool batch = false;
  for (std::size_t axis = 0; axis < x.rank; ++axis) {
    const bool goes = std::find(places.begin(), places.end(), axis) != places.end();
    if (axis == 0) {
      batch = goes;
      continue;
    }
    if (goes && e[axis - 1] != 1) throw Unsupported{"of an axis that is longer than 1"};
    if (!goes) left.push_back(e[axis - 1]);
  }
  if (left.empty()) throw Unsupported{"of all axes but the batch"};
  if (!batch) return b.define(node, b.reshaped(node, x, left));
  if (!b.batch_is_one() || left.size() != 1) throw Unsupported{"of the batch"};
  Computed vector = b.reshaped(node, x, left);
  if (!vector.plain()) vector = b.carried_out(vector, node.inputs.at(0));
  vector.rank = 1;
  b.define(node, vector);
}

void unsqueeze(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  const auto axes = b.integers_or(node, 1, "axes", {});
  const std::vector<std::size_t> places = places_of(axes, x.rank + axes.size());
  if (places.size() != axes.size()) throw Unsupported{"with an axis that is named twice"};
  if (x.rank < 2 || (!places.empty() && places[0] == 0)) throw Unsupported{"of the batch"};
  Extents e = b.extents_of(x);
  for (const std::size_t p : places)
    e.insert(e.begin() + static_cast<std::ptrdiff_t>(std::min(p - 1, e.size())), 1);
  b.define(node, b.reshaped(node, x, e));
}

void transpose(Builder& b, const Node& node) {
  const Computed& x = b.pending(node, 0);
  std::vector<std::int64_t> perm = integers_of(node, "perm", {});
  if (perm.empty()) {
    for (std::size_t i = x.rank; i-- > 0;) perm.push_back(static_cast<std::int64_t>(i));
  }
  if (perm.size() != x.rank || perm[0] != 0) throw Unsupported{"of the batch"};
  std::vector<std::size_t> order;
  for (std::size_t i = 1; i < perm.size(); ++i) {
    if (perm[i] < 1 || perm[i] >= static_cast<std::int64_t>(x.rank))
      throw Unsupported{"with axes that are no permutation"};
    order.push_back(static_cast<std::size_t>(perm[i] - 1));
  }
  std::vector<std::size_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw Unsupported{"with axes that are no permutation"};
  b.define(node, b.transposed(x, order));
}

// --- parts
// -----------------------------------------------------------------------------------------

namespace {

/// Places `start`, `start + step`, ... of an axis behind the batch.
struct Part {
  std::size_t axis{0};
  SliceRange range;
};

/// `x` cut down to parts of its axes.
Computed cut(Builder& b,
             const Node& node,
             Computed x,
             const std::vector<Part>& parts,
             const std::string& suffix = {}) {
  for (const Part& part : parts) {
    // Of a value of three axes, rows and columns are one: it is cut as channels.
    const bool channels = x.view.empty() && (x.order.empty() ? part.axis : x.order[part.axis]) == 0;
    if (x.rank == 3 || !x.view.empty()) {
      if (!channels) x = b.with_channels(node, x, part.axis);
    }
    const std::size_t place = x.order.empty() ? part.axis : x.order[part.axis];
    SliceRange ranges[3];
    ranges[place] = part.range;
    x = x.at(
        b.add(node, std::make_shared<Slice>(ranges[0], ranges[1], ranges[2]), {x.node}, suffix));
  }
  return x;
}

}  // namespace

void slice(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  const Extents e = b.extents_of(x);
  const auto starts = b.integers_or(node, 1, "starts", {});
  const auto ends = b.integers_or(node, 2, "ends", {});
  auto axes = b.integers_or(node, 3, "axes", {});
  auto steps = b.integers_or(node, 4, "steps", {});
  if (axes.empty()) {
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  steps.resize(std::max(steps.size(), starts.size()), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size())
    throw Unsupported{"with lists of different lengths"};
  std::vector<Part> parts;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = place_of(axes[i], x.rank);
    const bool is_batch = axis == 0 && x.rank > 1;
    const std::int64_t extent = is_batch ? b.batch() : e[x.rank > 1 ? axis - 1 : 0];
    if (steps[i] < 1) throw Unsupported{"that runs backwards"};
    const auto place = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? std::max(at, -extent) + extent : at, 0, extent);
    };
    const std::int64_t first = place(starts[i]), last = place(ends[i]);
    if (first == 0 && steps[i] == 1 && last == extent && !is_batch) continue;
    if (is_batch) {
      if (starts[i] == 0 && ends[i] > (1 << 30) && steps[i] == 1) continue;
      throw Unsupported{"of the batch"};
    }
    if (last <= first) throw Unsupported{"with nothing in it"};
    parts.push_back({axis - 1, {first, ceil_div(last - first, steps[i]), steps[i]}});
  }
  if (x.rank < 2) throw Unsupported{"of the batch"};
  b.define(node, cut(b, node, x, parts));
}

void split(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  const std::size_t axis = place_of(integer_of(node, "axis", 0), x.rank);
  if (axis == 0) throw Unsupported{"of the batch"};
  const std::int64_t extent = b.extents_of(x)[axis - 1];
  const auto outputs = static_cast<std::int64_t>(node.outputs.size());
  std::vector<std::int64_t> sizes = b.integers_or(node, 1, "split", {});
  if (sizes.empty()) {
    const std::int64_t each = ceil_div(extent, integer_of(node, "num_outputs", outputs));
    for (std::int64_t left = extent; left > 0; left -= each) sizes.push_back(std::min(each, left));
  }
  if (sizes.size() != node.outputs.size()) throw Unsupported{"into another number of parts"};
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1 || sizes[i] > extent - first) throw Unsupported{"into parts that do not fit"};
    const std::vector<Part> part{{axis - 1, {first, sizes[i], 1}}};
    first += sizes[i];
    if (!b.is_read(node, i)) continue;
    b.define(node, cut(b, node, x, part, "." + std::to_string(i)), i);
  }
  if (first != extent) throw Unsupported{"into parts that do not fit"};
}

void gather(Builder& b, const Node& node) {
  constexpr std::size_t kMostRuns = 64;
  const Computed x = b.pending(node, 0);
  const std::size_t axis = place_of(integer_of(node, "axis", 0), x.rank);
  if (axis == 0) throw Unsupported{"of the batch"};
  const std::int64_t extent = b.extents_of(x)[axis - 1];
  const auto at = b.integers(node, 1);
  const std::size_t dimensions = b.axes_of_known(node, 1);
  if (!at || at->empty() || dimensions > 1) throw Unsupported{"by a table of places"};
  // Runs of neighbours are cut out together.
  std::vector<SliceRange> runs;
  for (std::int64_t place : *at) {
    if (place < 0) place += extent;
    if (place < 0 || place >= extent) throw Unsupported{"of places that are not there"};
    if (!runs.empty() && runs.back().start + runs.back().count == place) {
      ++runs.back().count;
    } else {
      runs.push_back({place, 1, 1});
    }
  }
  if (runs.size() > kMostRuns) throw Unsupported{"of too many places"};
  Computed from = x;
  if (runs.size() > 1 || !x.view.empty()) from = b.with_channels(node, x, axis - 1);
  Computed result = cut(b, node, from, {{axis - 1, runs[0]}}, runs.size() > 1 ? ".0" : "");
  if (runs.size() > 1) {
    std::vector<NodeId> parts{result.node};
    for (std::size_t i = 1; i < runs.size(); ++i)
      parts.push_back(cut(b, node, from, {{axis - 1, runs[i]}}, "." + std::to_string(i)).node);
    result = result.at(b.add(node, std::make_shared<Concat>(), parts));
  }
  if (dimensions == 1) return b.define(node, result);
  Extents e = b.extents_of(result);  // a place by itself: its axis goes
  e.erase(e.begin() + static_cast<std::ptrdiff_t>(axis - 1));
  if (e.empty()) throw Unsupported{"of one feature of a vector"};
  b.define(node, b.reshaped(node, result, e));
}

void concat(Builder& b, const Node& node) {
  std::vector<Computed> parts;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(b.pending(node, i));
  if (parts.empty()) throw Unsupported{"of nothing"};
  const bool alike = std::all_of(parts.begin(), parts.end(), [&](const Computed& x) {
    return x.view.empty() && x.order == parts[0].order && x.rank == parts[0].rank;
  });
  if (!alike) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i] = b.computed(node, i);
      if (parts[i].rank != parts[0].rank) throw Unsupported{"of values of different ranks"};
    }
  }
  // Version 1 had a default; later ones need it said.
  const std::int64_t none = b.opset() < 4 ? 1 : std::int64_t{-99};
  const std::size_t axis = place_of(integer_of(node, "axis", none), parts[0].rank);
  if (axis == 0) throw Unsupported{"of batches"};
  if (parts.size() == 1) return b.define(node, parts[0]);
  const auto plane_differs = [&](const Computed& x) {
    const Shape &s = b.shape_of(x.node), &t = b.shape_of(parts[0].node);
    return s.h != t.h || s.w != t.w;
  };
  for (Computed& x : parts) x = b.with_channels(node, x, axis - 1);
  // Of three axes, rows and columns in one may be stored in different ways.
  const bool mixed = parts[0].rank == 3 && std::any_of(parts.begin(), parts.end(), plane_differs);
  std::vector<NodeId> nodes;
  for (const Computed& x : parts) {
    const Shape s = b.shape_of(x.node);
    const auto rows = std::make_shared<Rearrange>(Rearrange::reshape(s.c, s.h * s.w, 1));
    nodes.push_back(mixed && s.w != 1 ? b.add(node, rows, {x.node}, ".rows") : x.node);
  }
  b.define(node, parts[0].at(b.add(node, std::make_shared<Concat>(), nodes)));
}

}  // namespace cutaway::weights::onnx
