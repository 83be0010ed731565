#include "tools/program/network.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "runtime/error.h"
#include "tools/images/preprocess.h"
#include "tools/program/crops.h"

namespace cutaway::tools {

weights::Package load_network(const std::string& path, Use use) {
  try {
    weights::Package package = weights::load(path);
    if (use == Use::kPictures) weights::require_declared(package.preprocess, path);
    return package;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput || weights::is_package(path)) throw;
    throw Error(ErrorKind::kInput, error.what())
        .hint("a model is a Cutaway package; cutaway convert makes one from other formats");
  }
}

std::string label_name(const weights::Package& package, std::int64_t label) {
  const auto i = static_cast<std::size_t>(label);
  if (label < 0 || i >= package.labels.size()) return std::to_string(label);
  const std::string& text = package.labels[i];
  // ImageNet's lists put the synset id first.
  const bool synset =
      text.size() > 10 && text[0] == 'n' && text[9] == ' ' &&
      std::all_of(text.begin() + 1, text.begin() + 9, [](char c) { return c >= '0' && c <= '9'; });
  return synset ? text.substr(10) : text;
}

Batch load_batch(std::span<const ImageEntry> list,
                 std::size_t first,
                 std::size_t count,
                 const weights::Preprocess& rule,
                 const Shape& shape,
                 int threads,
                 const TenCrops* crops) {
  const std::int64_t height = crops != nullptr ? crops->plan.frame : shape.h;
  const std::int64_t width = crops != nullptr ? crops->plan.frame : shape.w;
  std::vector<explain::Image> pictures(count);
  std::vector<std::optional<std::string>> errors(count);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      explain::Image seen =
          resize_and_crop(read_entry(list[first + i]), crops != nullptr ? crops->frame : rule);
      if (seen.width != width || seen.height != height) {
        throw Error(ErrorKind::kShape, "picture after preprocessing")
            .at(list[first + i].name)
            .expected(std::to_string(width) + "x" + std::to_string(height))
            .got(std::to_string(seen.width) + "x" + std::to_string(seen.height))
            .hint("convert the model with a resize rule, or resize the picture");
      }
      pictures[i] = std::move(seen);
    } catch (const std::exception& error) {
      errors[i] = error.what();
    }
  }
  Batch batch;
  Shape rows = shape;
  if (crops != nullptr) rows.n *= explain::kTenCrops;
  batch.input = zeros(rows);
  for (std::size_t i = 0; i < count; ++i) {
    if (errors[i]) {
      batch.failures.push_back({first + i, *errors[i]});
      continue;
    }
    const auto row = static_cast<std::int64_t>(batch.entries.size());
    if (crops != nullptr) {
      fill_crops(pictures[i], *crops, batch.input.ref().out(), row);
    } else {
      fill_input(pictures[i], rule, batch.input.ref().out(), row);
    }
    batch.entries.push_back(first + i);
    batch.seen.push_back(std::move(pictures[i]));
  }
  return batch;
}

std::vector<double> probabilities(const Tensor& scores, std::int64_t n) {
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  const auto row = scores.f32().subspan(static_cast<std::size_t>(n) * classes, classes);
  const double most = static_cast<double>(*std::max_element(row.begin(), row.end()));
  std::vector<double> p(classes);
  for (std::size_t c = 0; c < classes; ++c) p[c] = std::exp(static_cast<double>(row[c]) - most);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& v : p) v /= sum;
  return p;
}

std::vector<std::int64_t> top(std::span<const double> values, std::size_t k) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto at = [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; };
  k = std::min(k, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
      [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
  order.resize(k);
  return order;
}

}  // namespace cutaway::tools
