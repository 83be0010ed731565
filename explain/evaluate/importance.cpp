#include "explain/evaluate/importance.h"

#include <algorithm>
#include <cmath>

#include "explain/tensor_math.h"

namespace cutaway::explain {
namespace {

/// One session for the batch size asked for last: metrics ask for one size many times.
struct MethodSession {
  const Model& model;
  std::string method;
  Attributes options;
  Stream stream;
  Session::Options settings;
  std::uint64_t number;
  std::unique_ptr<Session> session;
  Shape shape{};

  Tensor explain(const Tensor& pictures, std::span<const std::int64_t> targets) {
    if (!session || !(shape == pictures.shape())) {
      session.reset();  // its memory goes before the next takes some
      std::vector<MethodPtr> methods;
      methods.push_back(make_method(method, options));
      shape = pictures.shape();
      session = std::make_unique<Session>(model, std::move(methods), shape, stream, settings);
    }
    (void)session->forward(pictures.clone(),
                           std::vector<std::uint64_t>(static_cast<std::size_t>(shape.n), number));
    const auto explanations = session->explain({targets.begin(), targets.end()});
    return importance(explanations.at(0), shape.h, shape.w);
  }
};

}  // namespace

Tensor importance(const Tensor& maps, MapKind kind, std::int64_t height, std::int64_t width) {
  const Shape& s = maps.shape();
  Tensor one = zeros({s.n, 1, s.h, s.w});
  const auto plane = static_cast<std::size_t>(s.plane());
  for (std::int64_t n = 0; n < s.n; ++n) {
    const auto out = one.f32().subspan(static_cast<std::size_t>(n) * plane, plane);
    for (std::int64_t c = 0; c < s.c; ++c) {
      const auto in = maps.f32().subspan(static_cast<std::size_t>(n * s.c + c) * plane, plane);
      for (std::size_t p = 0; p < plane; ++p) {
        out[p] += kind == MapKind::kReconstruction ? std::fabs(in[p]) : in[p];
      }
    }
    if (kind != MapKind::kHeat) continue;
    for (float& v : out) v = std::max(v, 0.0f);
  }
  if (s.h == height && s.w == width) return one;
  return upsample(one, height, width);
}

Tensor importance(const Explanation& explanation, std::int64_t height, std::int64_t width) {
  return importance(explanation.map, explanation.kind, height, width);
}

Explainer make_explainer(const Model& model,
                         const std::string& method,
                         const Attributes& options,
                         const Stream& stream,
                         const Session::Options& session,
                         std::uint64_t number) {
  (void)make_method(method, options);  // unknown names and options are refused here
  const auto shared = std::make_shared<MethodSession>(
      MethodSession{model, method, options, stream, session, number, nullptr});
  return [shared](const Tensor& pictures, std::span<const std::int64_t> targets) {
    return shared->explain(pictures, targets);
  };
}

}  // namespace cutaway::explain
