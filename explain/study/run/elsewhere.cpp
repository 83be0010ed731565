#include "explain/study/run/elsewhere.h"

#include <algorithm>
#include <filesystem>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_seen.h"
#include "explain/units/run/search.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

bool same_picture(const ImageEntry& a, const ImageEntry& b) {
  if (a.path.empty() || b.path.empty()) return a.name == b.name;
  std::error_code ignored;
  return std::filesystem::equivalent(a.path, b.path, ignored);
}

}  // namespace

Elsewhere::Elsewhere(std::vector<std::string> data,
                     const SourceOptions& source,
                     const weights::Package& package,
                     const RunContext& context)
    : package_(package), context_(context) {
  job_.data = std::move(data);
  job_.source = source;
  if (std::ranges::find(job_.data, "-") != job_.data.end()) {
    throw Error(ErrorKind::kUsage, "--data is gone through twice, standard input only once")
        .hint("give a list");
  }
}

void Elsewhere::search(NodeId layer, std::int64_t most, Steps& steps) {
  job_.layers = {package_.model.graph.node(layer).name};
  job_.top = most;
  found_ = find_units(job_, package_, context_, steps).layers;
}

std::vector<ElsewhereImage> Elsewhere::best_of(std::int64_t map,
                                               const ImageEntry& but,
                                               std::int64_t count) const {
  std::vector<ElsewhereImage> images;
  if (found_.empty()) return images;
  std::vector<Activation> best(found_.front().best.of(map).begin(),
                               found_.front().best.of(map).end());
  std::erase_if(best, [](const Activation& a) { return !(a.value > 0.0f); });
  // The data is read in its order.
  std::ranges::sort(best, {}, &Activation::image);
  const ImageSourcePtr source = open_images(job_.data, job_.source);
  ImageEntry entry;
  std::int64_t at = 0;
  for (const Activation& a : best) {
    bool there = true;
    for (; there && at <= a.image; ++at) there = source->next(entry, at == a.image);
    if (!there)
      throw Error(ErrorKind::kInput, "the data changed while it was read").at(job_.data.front());
    if (same_picture(entry, but)) continue;
    ElsewhereImage image{entry.name, a, read_seen(entry, package_.preprocess), {}};
    image.input = zeros({1, package_.preprocess.channels(), image.seen.height, image.seen.width});
    fill_input(image.seen, package_.preprocess, image.input.ref().out(), 0);
    images.push_back(std::move(image));
  }
  std::ranges::stable_sort(images, [](const ElsewhereImage& a, const ElsewhereImage& b) {
    return stronger(a.where, b.where);
  });
  if (static_cast<std::int64_t>(images.size()) > count)
    images.resize(static_cast<std::size_t>(count));
  return images;
}

}  // namespace cutaway::explain
