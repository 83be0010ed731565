#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cutaway::explain::graph {

/// A number for every node and image: a row a node, padded with zeros to a multiple of eight
/// images.
class Rows {
 public:
  Rows() = default;
  Rows(std::int64_t nodes, std::int64_t images)
      : nodes_(nodes),
        images_(images),
        stride_((images + 7) / 8 * 8),
        values_(static_cast<std::size_t>(nodes * stride_)) {}

  [[nodiscard]] std::int64_t nodes() const noexcept { return nodes_; }
  [[nodiscard]] std::int64_t images() const noexcept { return images_; }
  [[nodiscard]] std::int64_t stride() const noexcept { return stride_; }
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  [[nodiscard]] float* data() noexcept { return values_.data(); }
  [[nodiscard]] const float* data() const noexcept { return values_.data(); }
  [[nodiscard]] float* row(std::int64_t node) { return values_.data() + node * stride_; }
  [[nodiscard]] const float* row(std::int64_t node) const {
    return values_.data() + node * stride_;
  }
  [[nodiscard]] float at(std::int64_t node, std::int64_t image) const { return row(node)[image]; }

 private:
  std::int64_t nodes_{}, images_{}, stride_{};
  std::vector<float> values_;
};

/// What inference finds: for every node and image the position (cells; the node's most likely
/// candidate), the score there, `peak`, and over all candidates, `total`. A node that found nothing
/// has peak 0 and stands at its predicted place.
struct Records {
  Rows h, w, peak, total;

  Records() = default;
  Records(std::int64_t nodes, std::int64_t images)
      : h(nodes, images), w(nodes, images), peak(nodes, images), total(nodes, images) {}
  [[nodiscard]] std::int64_t nodes() const noexcept { return h.nodes(); }
  [[nodiscard]] std::int64_t images() const noexcept { return h.images(); }
};

}  // namespace cutaway::explain::graph
