#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::training {

/// Batches that worker threads prepare ahead of whoever takes them, in order. Memory is that of
/// `ahead` batches; workers wait while all of them are full.
class BatchLoader {
 public:
  struct Options {
    Shape shape{};  ///< of a batch, n pictures
    int workers{2};
    int ahead{3};                   ///< batches, the one in use among them; 2 or more
    std::int64_t first{0}, end{0};  ///< numbers of the batches
  };
  /// Numbers of the pictures of a batch; at most shape.n. Called for one batch after the other, by
  /// one thread at a time.
  using PicturesOf = std::function<std::vector<std::int64_t>(std::int64_t batch)>;
  /// Writes picture `picture` into image n of `to`. Called by all workers at once.
  using Fill =
      std::function<void(std::int64_t batch, std::int64_t picture, View<float> to, std::int64_t n)>;

  BatchLoader(const Options& options, PicturesOf pictures, Fill fill);
  /// Waits for the pictures that are being read.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  struct Batch {
    Tensor images;  ///< plain, on the CPU
    std::vector<std::int64_t> pictures;
  };
  /// The next batch; it stays until the next call. Throws what reading one of its pictures threw.
  /// There must be one.
  const Batch& next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cutaway::training
