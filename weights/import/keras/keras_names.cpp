#include "weights/import/keras/keras_names.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace cutaway::weights {
namespace {

/// "kernel:0" -> "kernel", "W_1:0" -> "W".
std::string stem(std::string leaf) {
  for (const char mark : {':', '_'}) {
    const std::size_t at = leaf.rfind(mark);
    if (at != std::string::npos && at + 1 < leaf.size() &&
        std::all_of(leaf.begin() + static_cast<std::ptrdiff_t>(at) + 1, leaf.end(),
                    [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; })) {
      leaf.resize(at);
    }
  }
  return leaf;
}

}  // namespace

std::optional<KerasVariable> keras_variable(const std::string& dataset) {
  // The longer ends first: "_b" would also end what "_beta" does not.
  static constexpr std::pair<const char*, const char*> kRoles[] = {
      {"depthwise_kernel", "depthwise_kernel"},
      {"pointwise_kernel", "pointwise_kernel"},
      {"kernel", "kernel"},
      {"bias", "bias"},
      {"gamma", "gamma"},
      {"beta", "beta"},
      {"moving_mean", "moving_mean"},
      {"running_mean", "moving_mean"},
      {"moving_variance", "moving_variance"},
      {"running_std", "moving_variance"},
      {"W", "kernel"},
      {"b", "bias"},
      {"mean", "mean"},
      {"variance", "variance"},
      {"count", "count"}};
  std::string path = dataset;
  for (const char* prefix : {"/model_weights/", "/"}) {
    const std::string p = prefix;
    if (!path.starts_with(p)) continue;
    path = path.substr(p.size());
    break;
  }
  const std::size_t first = path.find('/');
  const std::size_t last = path.rfind('/');
  if (first == std::string::npos || first == 0) return std::nullopt;
  const std::string leaf = stem(path.substr(last + 1));
  const std::size_t group = path.rfind('/', last - 1);
  const std::string inner = path.substr(group == std::string::npos ? 0 : group + 1,
                                        last - (group == std::string::npos ? 0 : group + 1));
  for (const auto& [end, role] : kRoles) {
    const std::string e = end;
    if (leaf == e || leaf.ends_with("_" + e))
      return KerasVariable{path.substr(0, first), role, inner};
  }
  return std::nullopt;
}

std::vector<std::string> keras3_containers(const std::vector<std::string>& classes) {
  std::map<std::string, int> seen;
  std::vector<std::string> names;
  for (const std::string& name : classes) {
    const int count = seen[name]++;
    names.push_back(count == 0 ? name : name + "_" + std::to_string(count));
  }
  return names;
}

}  // namespace cutaway::weights
