#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "explain/graph/feature_maps.h"
#include "explain/graph/features/graph_layers.h"
#include "explain/graph/records.h"
#include "explain/pictures/image.h"
#include "explain/pictures/objects.h"
#include "explain/runs/run_context.h"
#include "layers/executor.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Runs the lower part of a net on pictures and hands out the tapped layers' maps.
class TapRunner {
 public:
  TapRunner(const weights::Package& package,
            std::vector<TapLayer> layers,
            std::int64_t batch,
            const RunContext& context);

  [[nodiscard]] int width() const { return static_cast<int>(input_.w); }
  [[nodiscard]] int height() const { return static_cast<int>(input_.h); }
  [[nodiscard]] std::int64_t batch() const { return input_.n; }
  [[nodiscard]] const std::vector<TapLayer>& layers() const { return layers_; }

  /// Maps of layer l of picture i: filters x size x size.
  using Take =
      std::function<void(std::size_t picture, std::size_t layer, std::span<const float> maps)>;
  /// At most batch() pictures of the net's size.
  void run(std::span<const Image> pictures, const Take& take);

 private:
  const weights::Package& package_;
  std::vector<TapLayer> layers_;
  Shape input_;
  Executor executor_;
};

/// Standard deviation of every unit over pictures without the object, a vector a layer. A picture
/// that cannot be read is skipped with a warning; throws kInput when fewer than two are left.
[[nodiscard]] std::vector<std::vector<float>> measure_sigma(TapRunner& runner,
                                                            std::span<const ObjectEntry> negatives,
                                                            bool per_filter,
                                                            const RunContext& context);

struct FeatureOptions {
  bool mirrored{false};
  double memory_gib{4};  ///< beyond half of it: halves; beyond it: halves in a file
  std::string scratch;   ///< folder of that file; empty: the system's
};
/// Objects, by name, with which something was wrong, in words.
struct GraphComplaints {
  std::vector<std::pair<std::string, std::string>> failures;  ///< left out
  std::vector<std::pair<std::string, std::string>> mended;    ///< with boxes put right
};

/// Pictures cut out and their activation weights. Objects whose picture cannot be read, or does not
/// hold their box, are left out; the others are settled (explain/pictures/objects.h).
struct GraphFeatures {
  std::vector<ObjectEntry> objects;
  std::vector<Image> cuttings;
  std::vector<graph::FeatureMaps> maps;  ///< a layer each
  /// The strongest cell of every map of the layers as they are, a layer each; of the mirrored
  /// pictures where they were asked for.
  std::vector<graph::Records> plain, plain_mirrored;
  GraphComplaints complaints;
  std::string storage;  ///< "float32", "float16", "float16 in a file"
};
[[nodiscard]] GraphFeatures extract_features(TapRunner& runner,
                                             std::span<const ObjectEntry> objects,
                                             std::span<const std::vector<float>> sigma,
                                             const FeatureOptions& options,
                                             const RunContext& context);

}  // namespace cutaway::explain
