#include "layers/training/losses/filter_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/template_mask.h"
#include "layers/training/losses/host_maps.h"
#include "layers/training/losses/similarity_loss.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway {
namespace {

NodeId unmasked(const Graph& graph, NodeId layer) {
  const Node& node = graph.node(layer);
  return node.layer->kind() == LayerKind::kTemplateMask ? node.inputs[0] : layer;
}

bool exact_setting(const Attributes& settings) {
  const std::string gradient = settings.text("gradient", "target");
  if (gradient == "exact") return true;
  if (gradient == "target") return false;
  throw Error(ErrorKind::kInput, "gradient of the filter loss")
      .expected("'target' or 'exact'")
      .got("'" + gradient + "'");
}

/// c = a b (rows x inner times inner x columns), or a b' where b is stored columns x inner.
void multiply(int threads,
              const float* a,
              const float* b,
              bool transpose_b,
              float* c,
              std::int64_t rows,
              std::int64_t inner,
              std::int64_t columns) {
  kernels::Gemm k;
  k.transpose_b = transpose_b;
  k.m = rows;
  k.n = columns;
  k.k = inner;
  k.a = a;
  k.lda = inner;
  k.b = b;
  k.ldb = transpose_b ? inner : columns;
  k.c = c;
  k.ldc = columns;
  CpuStream stream(threads);
  kernels::run(stream, k);
}

}  // namespace

/// The maps of a batch and how well every one fits every template.
struct FilterLoss::Batch {
  const Tensor& maps;
  std::span<const std::int32_t> labels;
  std::vector<float> fits;      // [image][channel][template]: sum of x T
  std::vector<float> gradient;  // dL/dfit

  [[nodiscard]] std::int64_t places() const { return maps.shape().plane(); }
  [[nodiscard]] std::size_t at(std::int64_t image, std::int64_t channel) const {
    return static_cast<std::size_t>((image * maps.shape().c + channel) * (places() + 1));
  }
  [[nodiscard]] std::span<const float> map(std::int64_t image, std::int64_t channel) const {
    return maps.f32().subspan(
        static_cast<std::size_t>((image * maps.shape().c + channel) * places()),
        static_cast<std::size_t>(places()));
  }
};

FilterLoss::FilterLoss(const Graph& graph, NodeId logits, const Attributes& settings)
    : layer_(unmasked(graph, layer_setting(graph, settings))),
      classes_(graph.node(logits).shape.c),
      tau_(setting(
          settings, "tau", 0.5 / static_cast<double>(graph.node(layer_).shape.plane()), 1e-9, 1e3)),
      beta_(setting(settings, "beta", 4.0, 1e-3, 1e3)),
      exact_(exact_setting(settings)) {
  const Shape& maps = graph.node(layer_).shape;
  if (maps.plane() < 2 || maps.plane() > 4096) {
    throw Error(ErrorKind::kUnsupported, "maps of the filter loss")
        .at(graph.node(layer_).name)
        .expected("2 to 4096 positions")
        .got(to_string(maps));
  }
  templates_ = templates(maps.h, maps.w, tau_, beta_);
}

Tensor FilterLoss::templates(std::int64_t h, std::int64_t w, double tau, double beta) {
  const std::int64_t places = h * w;
  Tensor all = zeros({1, 1, places + 1, places});
  const auto slope = static_cast<float>(beta / static_cast<double>(std::max(h, w)));
  float* t = all.f32().data();
  for (std::int64_t m = 0; m < places; ++m) {
    for (std::int64_t i = 0; i < places; ++i)
      *t++ = static_cast<float>(tau) * kernels::template_value(i / w, i % w, m / w, m % w, slope);
  }
  for (std::int64_t i = 0; i < places; ++i) *t++ = -static_cast<float>(tau);
  return all;
}

/// The loss of one filter; its dL/dfit goes into the batch.
double FilterLoss::filter(Batch& batch, std::int64_t channel) const {
  const std::int64_t images = batch.maps.shape().n, templates = batch.places() + 1;
  const double prior = 1.0 / static_cast<double>(templates);                // alpha / P = 1 - alpha
  std::vector<double> given(static_cast<std::size_t>(images * templates));  // p(x|T)
  std::vector<double> image(static_cast<std::size_t>(images), 0.0);         // p(x)
  const auto fit = [&](std::int64_t n, std::int64_t t) {
    return static_cast<double>(batch.fits[batch.at(n, channel) + static_cast<std::size_t>(t)]);
  };
  const auto p = [&](std::int64_t n, std::int64_t t) -> double& {
    return given[static_cast<std::size_t>(n * templates + t)];
  };
  for (std::int64_t t = 0; t < templates; ++t) {
    double most = fit(0, t), z = 0.0;
    for (std::int64_t n = 1; n < images; ++n) most = std::max(most, fit(n, t));
    for (std::int64_t n = 0; n < images; ++n) z += p(n, t) = std::exp(fit(n, t) - most);
    for (std::int64_t n = 0; n < images; ++n) {
      p(n, t) /= z;
      image[static_cast<std::size_t>(n)] += prior * p(n, t);
    }
  }
  double information = 0.0;
  for (std::int64_t t = 0; t < templates; ++t) {
    const auto excess = [&](std::int64_t n) {  // log(p(x|T) / p(x)); p log p = 0 at 0
      return p(n, t) > 0.0 ? std::log(p(n, t) / image[static_cast<std::size_t>(n)]) : 0.0;
    };
    double mean = 0.0;
    for (std::int64_t n = 0; n < images; ++n) mean += p(n, t) * excess(n);
    information += prior * mean;
    for (std::int64_t n = 0; n < images; ++n) {
      batch.gradient[batch.at(n, channel) + static_cast<std::size_t>(t)] =
          static_cast<float>(-prior * p(n, t) * (excess(n) - mean));
    }
  }
  return -information;
}

/// Leaves of dL/dfit what belongs to the template that each image should fit.
void FilterLoss::keep_targets(Batch& batch, std::int64_t channel) const {
  const std::int64_t images = batch.maps.shape().n;
  std::vector<double> sums(static_cast<std::size_t>(classes_), 0.0), counts(sums);
  for (std::int64_t n = 0; n < images; ++n) {
    const auto label = static_cast<std::size_t>(batch.labels[static_cast<std::size_t>(n)]);
    for (const float x : batch.map(n, channel)) sums[label] += static_cast<double>(x);
    counts[label] += 1.0;
  }
  std::int64_t own = -1;
  for (std::int64_t c = 0; c < classes_; ++c) {
    const auto mean = [&](std::int64_t k) {
      return sums[static_cast<std::size_t>(k)] / counts[static_cast<std::size_t>(k)];
    };
    if (counts[static_cast<std::size_t>(c)] > 0.0 && (own < 0 || mean(c) > mean(own))) own = c;
  }
  for (std::int64_t n = 0; n < images; ++n) {
    const auto map = batch.map(n, channel);
    const bool in_class = batch.labels[static_cast<std::size_t>(n)] == own;
    const std::int64_t target =
        in_class ? std::ranges::max_element(map) - map.begin() : batch.places();
    float* g = batch.gradient.data() + batch.at(n, channel);
    for (std::int64_t t = 0; t <= batch.places(); ++t) g[t] = t == target ? g[t] : 0.0f;
  }
}

double FilterLoss::evaluate(const LossCall& call) {
  const int threads = host_threads(call.stream);
  const Tensor maps = read_plain(call.stream, call.values[0]);
  const Shape& s = maps.shape();
  const std::int64_t rows = s.n * s.c, places = s.plane();
  Batch batch{maps, call.labels.own, {}, {}};
  batch.fits.resize(static_cast<std::size_t>(rows * (places + 1)));
  batch.gradient.resize(batch.fits.size());
  const float* templates = templates_.f32().data();
  multiply(threads, maps.f32().data(), templates, true, batch.fits.data(), rows, places,
           places + 1);
  std::vector<double> losses(static_cast<std::size_t>(s.c));
  parallel_for(threads, s.c, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) {
      losses[static_cast<std::size_t>(c)] = filter(batch, c);
      if (!exact_) keep_targets(batch, c);
    }
  });
  double sum = 0.0;
  for (const double loss : losses) sum += loss;
  Tensor dx = zeros(s);
  multiply(threads, batch.gradient.data(), templates, false, dx.f32().data(), rows, places + 1,
           places);
  const auto filters = static_cast<float>(s.c);
  add_plain(call.stream, call.gradients[0], dx, call.weight / filters);
  return sum / static_cast<double>(s.c);
}

}  // namespace cutaway
