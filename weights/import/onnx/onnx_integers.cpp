#include "weights/import/onnx/onnx_integers.h"

#include <algorithm>
#include <array>

#include "weights/import/onnx/onnx_builder.h"

namespace cutaway::weights::onnx {
namespace {

using Inputs = std::vector<const Integers*>;

[[noreturn]] void misfit(const char* what) { throw Unsupported{what}; }

const Integers& input(const Inputs& inputs, std::size_t i) {
  if (i >= inputs.size() || inputs[i] == nullptr) misfit("without an input that it needs");
  return *inputs[i];
}

std::int64_t count(const Extents& extents) {
  const std::int64_t n = count_of(extents);
  if (n > kMostKnown) misfit("of more integers than shapes have");
  return n;
}

/// An axis counted from the front.
std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) misfit("with an axis that is not there");
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

std::vector<std::int64_t> list(const Node& node,
                               const Inputs& inputs,
                               std::size_t i,
                               const char* name) {
  if (i < inputs.size() && inputs[i] != nullptr) return inputs[i]->values;
  return integers_of(node, name, {});
}

Integers concat(const Node& node, const Inputs& inputs) {
  Integers result{{0}, {}};
  if (integer_of(node, "axis", 0) != 0) misfit("along another axis than the first");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Integers& part = input(inputs, i);
    if (part.extents.size() != 1) misfit("of integers that are no list");
    result.values.insert(result.values.end(), part.values.begin(), part.values.end());
    result.extents[0] = static_cast<std::int64_t>(result.values.size());
    (void)count(result.extents);
  }
  return result;
}

Integers constant_of_shape(const Node& node, const Inputs& inputs) {
  Integers result{input(inputs, 0).values, {}};
  for (const std::int64_t e : result.extents) {
    if (e < 0) misfit("of unknown extents");
  }
  std::int64_t value = 0;
  const auto given = node.attributes.find("value");
  if (given == node.attributes.end() || !given->second.tensor)
    misfit("of other things than integers");
  const std::vector<std::int64_t> values = read_integers(*given->second.tensor);
  if (values.size() == 1) value = values[0];
  result.values.assign(static_cast<std::size_t>(count(result.extents)), value);
  return result;
}

Integers gather(const Node& node, const Inputs& inputs) {
  const Integers& data = input(inputs, 0);
  const Integers& at = input(inputs, 1);
  if (data.extents.size() != 1 || integer_of(node, "axis", 0) != 0)
    misfit("of other things than a list");
  Integers result{at.extents, {}};
  for (const std::int64_t i : at.values) {
    result.values.push_back(data.values[axis_of(i, data.values.size())]);
  }
  return result;
}

Integers reshape(const Inputs& inputs) {
  const Integers& data = input(inputs, 0);
  Integers result{input(inputs, 1).values, data.values};
  const auto all = static_cast<std::int64_t>(data.values.size());
  std::int64_t known = 1, free = -1;
  for (std::size_t i = 0; i < result.extents.size(); ++i) {
    std::int64_t& e = result.extents[i];
    if (e == 0 && i < data.extents.size()) e = data.extents[i];
    if (e == -1 && free < 0) {
      free = static_cast<std::int64_t>(i);
    } else if (e < 0 || e > kMostKnown) {
      misfit("to impossible extents");
    } else if ((known *= e) > kMostKnown) {
      misfit("to impossible extents");
    }
  }
  if (free >= 0 && known > 0) result.extents[static_cast<std::size_t>(free)] = all / known;
  if (count(result.extents) != all) misfit("to extents of another count");
  return result;
}

Integers slice(const Node& node, const Inputs& inputs) {
  const Integers& data = input(inputs, 0);
  const std::vector<std::int64_t> starts = list(node, inputs, 1, "starts");
  const std::vector<std::int64_t> ends = list(node, inputs, 2, "ends");
  std::vector<std::int64_t> axes = list(node, inputs, 3, "axes");
  std::vector<std::int64_t> steps = list(node, inputs, 4, "steps");
  for (std::size_t i = axes.size(); i < starts.size(); ++i)
    axes.push_back(static_cast<std::int64_t>(i));
  steps.resize(std::max(steps.size(), starts.size()), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size())
    misfit("with lists of different lengths");
  Integers now = data;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], now.extents.size());
    const std::int64_t extent = now.extents[axis], step = steps[i];
    if (step == 0 || step < -kMostKnown || step > kMostKnown)
      misfit("with a step that leads nowhere");
    // NumPy's rule: from the back where negative, and never out of the tensor.
    const auto place = [&](std::int64_t at) {
      at = at < 0 ? std::max(at, -extent - 1) + extent : at;
      return step > 0 ? std::clamp<std::int64_t>(at, 0, extent)
                      : std::clamp<std::int64_t>(at, -1, extent - 1);
    };
    std::int64_t inner = 1;
    for (std::size_t k = axis + 1; k < now.extents.size(); ++k) inner *= now.extents[k];
    const std::int64_t outer = extent == 0 ? 0
                                           : static_cast<std::int64_t>(now.values.size()) /
                                                 (extent * std::max<std::int64_t>(inner, 1));
    std::vector<std::int64_t> places;
    const std::int64_t end = place(ends[i]);
    for (std::int64_t at = place(starts[i]); step > 0 ? at < end : at > end; at += step)
      places.push_back(at);
    Integers next{now.extents, {}};
    next.extents[axis] = static_cast<std::int64_t>(places.size());
    for (std::int64_t o = 0; o < outer; ++o) {
      for (const std::int64_t at : places) {
        const auto first = now.values.begin() + (o * extent + at) * inner;
        next.values.insert(next.values.end(), first, first + inner);
      }
    }
    now = std::move(next);
  }
  return now;
}

Integers transpose(const Node& node, const Inputs& inputs) {
  const Integers& data = input(inputs, 0);
  const std::size_t rank = data.extents.size();
  std::vector<std::int64_t> perm = integers_of(node, "perm", {});
  if (perm.empty()) {
    for (std::size_t i = rank; i-- > 0;) perm.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i)) misfit("with axes that are no permutation");
  }
  if (perm.size() != rank) misfit("with another number of axes");
  Extents strides(rank, 1);
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * data.extents[i];
  Integers result{{}, {}};
  for (const std::int64_t p : perm)
    result.extents.push_back(data.extents[static_cast<std::size_t>(p)]);
  Extents index(rank, 0);
  for (std::size_t n = 0; n < data.values.size(); ++n) {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < rank; ++i)
      at += index[i] * strides[static_cast<std::size_t>(perm[i])];
    result.values.push_back(data.values[static_cast<std::size_t>(at)]);
    for (std::size_t i = rank; i-- > 0;) {
      if (++index[i] < result.extents[i]) break;
      index[i] = 0;
    }
  }
  return result;
}

Integers unsqueeze(const Node& node, const Inputs& inputs) {
  Integers result = input(inputs, 0);
  std::vector<std::int64_t> axes = list(node, inputs, 1, "axes");
  const std::size_t rank = result.extents.size() + axes.size();
  for (std::int64_t& a : axes) a = static_cast<std::int64_t>(axis_of(a, rank));
  std::sort(axes.begin(), axes.end());
  for (const std::int64_t a : axes) {
    result.extents.insert(
        result.extents.begin() +
            std::min<std::int64_t>(a, static_cast<std::int64_t>(result.extents.size())),
        1);
  }
  return result;
}

Integers squeeze(const Node& node, const Inputs& inputs) {
  const Integers& data = input(inputs, 0);
  const std::vector<std::int64_t> axes = list(node, inputs, 1, "axes");
  std::vector<bool> goes(data.extents.size(), false);
  for (const std::int64_t a : axes) goes[axis_of(a, data.extents.size())] = true;
  Integers result{{}, data.values};
  for (std::size_t i = 0; i < data.extents.size(); ++i) {
    const bool drop = axes.empty() ? data.extents[i] == 1 : goes[i];
    if (drop && data.extents[i] != 1) misfit("of an axis that is longer than 1");
    if (!drop) result.extents.push_back(data.extents[i]);
  }
  return result;
}

Integers reckon(const Node& node, const Inputs& inputs) {
  const Integers& a = input(inputs, 0);
  const Integers& b = input(inputs, 1);
  const bool one_a = a.values.size() == 1, one_b = b.values.size() == 1;
  if (!one_a && !one_b && a.extents != b.extents) misfit("of integers of different extents");
  Integers result{one_a ? b.extents : a.extents, {}};
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  for (std::size_t i = 0; i < std::max(a.values.size(), b.values.size()); ++i) {
    const std::int64_t x = a.values[one_a ? 0 : i], y = b.values[one_b ? 0 : i];
    if (x < -kMost || x > kMost || y < -kMost || y > kMost || (node.type == "Div" && y == 0))
      misfit("of numbers that are not known, or too large");
    result.values.push_back(node.type == "Add"   ? x + y
                            : node.type == "Sub" ? x - y
                            : node.type == "Mul" ? x * y
                                                 : x / y);
  }
  return result;
}

constexpr std::array kFolded{"Add",     "Cast",     "Concat",    "ConstantOfShape", "Div",
                             "Gather",  "Identity", "Mul",       "Reshape",         "Slice",
                             "Squeeze", "Sub",      "Transpose", "Unsqueeze"};

}  // namespace

bool folds(const std::string& type) {
  return std::find(kFolded.begin(), kFolded.end(), type) != kFolded.end();
}

Integers fold(const Node& node, const std::vector<const Integers*>& inputs) {
  const std::string& type = node.type;
  if (type == "Cast") {
    const std::int64_t to = integer_of(node, "to", 0);
    if (to != 6 && to != 7) misfit("of integers to another type");
    return input(inputs, 0);
  }
  if (type == "Identity") return input(inputs, 0);
  if (type == "Concat") return concat(node, inputs);
  if (type == "ConstantOfShape") return constant_of_shape(node, inputs);
  if (type == "Gather") return gather(node, inputs);
  if (type == "Reshape") return reshape(inputs);
  if (type == "Slice") return slice(node, inputs);
  if (type == "Squeeze") return squeeze(node, inputs);
  if (type == "Transpose") return transpose(node, inputs);
  if (type == "Unsqueeze") return unsqueeze(node, inputs);
  return reckon(node, inputs);
}

}  // namespace cutaway::weights::onnx
