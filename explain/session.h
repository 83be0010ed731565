#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "explain/method.h"

namespace cutaway::explain {

/// A method and the layer it works at, if it takes one; empty: the session's.
struct MethodAt {
  MethodPtr method;
  std::string layer;
};

/// Several methods on one network, each perhaps at several layers: one forward pass a batch, and as
/// few backward passes as serve them all.
class Session {
 public:
  struct Options {
    std::string layer;  ///< of methods that take one; empty: default_layer()
    kernels::EngineOptions engines;
    bool guard{false};
    /// A method that cannot explain a batch (kUnsupported, kInput, kShape) gives an explanation
    /// without a map, and refused() says why; otherwise its error ends explain().
    bool keep_going{false};
    /// Of methods that run many inputs (occlusion, RISE, SmoothGrad): bytes of activations at a
    /// time.
    std::size_t budget{std::size_t{1} << 30};
    /// Hears the steps of passes and of methods, these under their names, and may cancel: forward()
    /// and explain() then throw Cancelled, and the session can be used again. Must outlive it.
    Observer* observer{&silent_observer()};
  };

  /// `input` is the shape of a batch. Throws kUsage and kUnsupported as the methods do, located at
  /// the method. The model must outlive the session; it is never changed.
  Session(const Model& model,
          std::vector<MethodAt> methods,
          const Shape& input,
          Stream stream,
          Options options);
  /// All methods at the session's layer.
  Session(const Model& model,
          std::vector<MethodPtr> methods,
          const Shape& input,
          Stream stream,
          Options options);
  Session(const Model& model, std::vector<MethodPtr> methods, const Shape& input, Stream stream)
      : Session(model, std::move(methods), input, std::move(stream), Options()) {}

  /// Runs the forward pass; the logits of the batch, n x C x 1 x 1. `numbers`, one an image, key
  /// the random numbers of methods; by default they are made from the images.
  const Tensor& forward(Tensor input, std::vector<std::uint64_t> numbers = {});
  /// The explanations of that batch, in the order of the methods; one target class an image. Throws
  /// kUsage when their number or values do not fit. Explanation::doubts has an entry an image:
  /// scores or maps that are not finite, and maps that have one value everywhere.
  [[nodiscard]] std::vector<Explanation> explain(std::vector<std::int64_t> targets);

  /// What methods at `layer` (empty: default_layer()) are told of the net; throws kUsage for an
  /// unknown layer.
  [[nodiscard]] static Setting setting_of(const Graph& graph, const std::string& layer);
  /// Why method k could not explain the last batch; empty: it did.
  [[nodiscard]] const std::string& refused(std::size_t k) const { return refused_.at(k); }
  /// Of methods for which no layer was named.
  [[nodiscard]] const Setting& setting() const noexcept { return setting_; }
  /// Of method k.
  [[nodiscard]] const Setting& setting(std::size_t k) const { return methods_.at(k).setting; }
  [[nodiscard]] Executor& executor() noexcept { return *executor_; }
  /// What forward() and explain() compute for one image, in forward passes (Method::work()).
  [[nodiscard]] double work() const;

 private:
  struct Planned {
    MethodPtr method;
    Setting setting;
  };

  [[nodiscard]] Explanation explain_with(const Planned& planned, Passes& passes);

  std::vector<Planned> methods_;
  Setting setting_;
  bool keep_going_;
  std::vector<std::string> refused_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<EvaluatorPool> evaluators_;
  Tensor input_, logits_;
  std::vector<std::uint64_t> numbers_;
};

}  // namespace cutaway::explain
