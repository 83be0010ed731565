#include <algorithm>
#include <numeric>

#include "layers/flatten.h"
#include "layers/rearrange.h"
#include "weights/import/onnx/onnx_builder.h"

// Reshaping and transposing: noted at first, carried out where something needs it.
namespace cutaway::weights::onnx {
namespace {

/// The extents that a node's maps have as a value of that rank.
Extents natural(const Shape& s, std::size_t rank) {
  if (rank == 3) return {s.c, s.h * s.w};
  if (rank == 4) return {s.c, s.h, s.w};
  return {s.c};
}

Extents permuted(const Extents& e, const std::vector<std::size_t>& order) {
  Extents result;
  for (const std::size_t axis : order) result.push_back(e.at(axis));
  return result;
}

bool is_identity(const std::vector<std::size_t>& order) {
  return std::is_sorted(order.begin(), order.end());
}

/// A permutation of five axes behind the batch and what follows it, as exporters write a layer.
struct Idiom {
  LayerPtr layer;
  Extents to;
};

/// What view(n, v...).permute(order).reshape(to) is, given the maps it begins with.
std::optional<Idiom> idiom_of(const Shape& maps,
                              const Extents& v,
                              const std::vector<std::size_t>& order) {
  using Order = std::vector<std::size_t>;
  const bool keeps_rows = v.size() >= 2 && v[v.size() - 2] == maps.h && v.back() == maps.w;
  if (v.size() == 4 && order == Order{1, 0, 2, 3} && keeps_rows && v[0] * v[1] == maps.c) {
    return Idiom{std::make_shared<Rearrange>(Rearrange::channel_shuffle(v[0])),
                 {maps.c, maps.h, maps.w}};
  }
  if (v.size() != 5) return std::nullopt;
  const bool column_first = v[1] == v[2] && order == Order{0, 3, 1, 4, 2};
  const bool depth_first = v[0] == v[1] && order == Order{2, 3, 0, 4, 1};
  if (keeps_rows && (column_first || depth_first)) {
    const std::int64_t block = v[1], channels = column_first ? v[0] : v[2];
    if (channels * block * block != maps.c) return std::nullopt;
    return Idiom{std::make_shared<Rearrange>(Rearrange::depth_to_space(block, column_first)),
                 {channels, maps.h * block, maps.w * block}};
  }
  const bool folds =
      v[0] == maps.c && v[2] == v[4] && v[1] * v[2] == maps.h && v[3] * v[4] == maps.w;
  if (folds && (order == Order{0, 2, 4, 1, 3} || order == Order{2, 4, 0, 1, 3})) {
    return Idiom{std::make_shared<Rearrange>(Rearrange::space_to_depth(v[2], order[0] == 0)),
                 {maps.c * v[2] * v[2], v[1], v[3]}};
  }
  return std::nullopt;
}

}  // namespace

Extents Builder::extents_of(const Computed& x) const {
  const Extents e = x.view.empty() ? natural(shape_of(x.node), x.rank) : x.view;
  return x.order.empty() ? e : permuted(e, x.order);
}

Computed Builder::carried_out(const Computed& x, const std::string& name) {
  const auto layer = [&](LayerPtr made, NodeId from, const char* suffix) {
    const NodeId id = graph_->add(unique_name(name + suffix), std::move(made), {from});
    const Shape& s = graph_->node(id).shape;
    (void)count_of({s.c, s.h, s.w});
    return id;
  };
  Computed done{x.node, x.rank};
  if (x.view.size() > 3) {
    throw Unsupported{"of " + std::to_string(x.view.size() + 1) +
                      " axes, which no layer here has (" + cutaway::weights::text_of(x.view) +
                      " behind the batch)"};
  }
  if (x.view.size() == 1) {
    done.node = layer(std::make_shared<Flatten>(), done.node, ".flat");
  } else if (!x.view.empty()) {
    const std::int64_t width = x.view.size() == 3 ? x.view[2] : 1;
    done.node = layer(std::make_shared<Rearrange>(Rearrange::reshape(x.view[0], x.view[1], width)),
                      done.node, ".reshaped");
  }
  if (x.order.empty()) return done;
  const Shape s = shape_of(done.node);
  // Rows and columns in one are one axis: they become rows.
  if (x.rank == 3 && s.w != 1) {
    done.node = layer(std::make_shared<Rearrange>(Rearrange::reshape(s.c, s.h * s.w, 1)), done.node,
                      ".rows");
  }
  std::string letters;
  for (const std::size_t axis : x.order) letters += "chw"[axis];
  if (x.rank == 3) letters += 'w';
  done.node =
      layer(std::make_shared<Rearrange>(Rearrange::transpose(letters)), done.node, ".transposed");
  return done;
}

bool Builder::moves_only_ones(const Computed& x, const std::vector<std::size_t>& order) const {
  const Extents e = extents_of(x);
  std::vector<std::size_t> longer;
  for (const std::size_t axis : order) {
    if (e.at(axis) != 1) longer.push_back(axis);
  }
  return std::is_sorted(longer.begin(), longer.end());
}

Computed Builder::reshaped(const Node& node, const Computed& x, Extents to) {
  Computed result = x;
  if (!x.order.empty() && moves_only_ones({x.node, x.rank, x.view}, x.order)) {
    result.order.clear();  // which the numbers do not show
  } else if (!x.order.empty()) {
    if (const auto idiom =
            idiom_of(shape_of(x.node), extents_of({x.node, x.rank, x.view}), x.order)) {
      result = {add(node, idiom->layer, {x.node}), 4};
    } else {
      result = carried_out(x, node.inputs.at(0));
      if (result.plain()) values_[node.inputs[0]] = result;
    }
  }
  result.rank = to.size() + 1;
  result.view = std::move(to);
  const Shape& s = shape_of(result.node);
  if (result.rank <= 4 && result.view == natural(s, result.rank) &&
      (result.rank > 2 || s.plane() == 1)) {
    result.view.clear();
  }
  return result;
}

Computed Builder::transposed(const Computed& x, const std::vector<std::size_t>& order) const {
  Computed result = x;
  result.order = order;
  if (!x.order.empty()) {
    for (std::size_t& axis : result.order) axis = x.order[axis];
  }
  if (is_identity(result.order)) result.order.clear();
  return result;
}

Computed Builder::with_channels(const Node& node, const Computed& x, std::size_t axis) {
  Computed from = x;
  if (!from.view.empty()) from = carried_out(from, node.inputs.at(0));
  const std::size_t place = from.order.empty() ? axis : from.order.at(axis);
  if (place == 0) return from;
  if (from.rank == 3 && shape_of(from.node).w != 1) {
    // Rows and columns in one are one axis: they become rows.
    const Shape s = shape_of(from.node);
    const auto rows = std::make_shared<Rearrange>(Rearrange::reshape(s.c, s.h * s.w, 1));
    from.node = add(node, rows, {from.node}, ".rows");
  }
  const char* letters = place == 1 ? "hcw" : "whc";
  from.node =
      add(node, std::make_shared<Rearrange>(Rearrange::transpose(letters)), {from.node}, ".turned");
  // Axis i, which was the old maps' axis o, is where that has gone.
  std::vector<std::size_t> order = from.order;
  if (order.empty()) {
    order.resize(from.rank - 1);
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  for (std::size_t& o : order) o = o == 0 ? place : o == place ? 0 : o;
  from.order = order;
  if (is_identity(from.order)) from.order.clear();
  return from;
}

}  // namespace cutaway::weights::onnx
