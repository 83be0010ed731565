#include "explain/segmentation/slic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr int kRounds = 10;

struct Center {
  double row, column;
  std::vector<double> color;
};

class Slic {
 public:
  Slic(std::span<const float> image, const Shape& shape, std::int64_t segments, double compactness)
      : shape_(shape), plane_(static_cast<std::size_t>(shape.plane())) {
    const auto [least, most] = std::ranges::minmax(image);
    const double scale = most > least ? 100.0 / static_cast<double>(most - least) : 0.0;
    for (const float v : image) color_.push_back(scale * static_cast<double>(v - least));
    step_ = std::sqrt(static_cast<double>(shape.plane()) / static_cast<double>(segments));
    weight_ = compactness / step_;
    label_.assign(plane_, 0);
  }

  Segmentation run() {
    place_centers();
    for (int round = 0; round < kRounds; ++round) {
      assign();
      move();
    }
    return connected();
  }

 private:
  [[nodiscard]] double color(std::int64_t c, std::size_t pixel) const {
    return color_[static_cast<std::size_t>(c) * plane_ + pixel];
  }

  void place_centers() {
    const auto rows =
        std::max<std::int64_t>(1, std::llround(static_cast<double>(shape_.h) / step_));
    const auto columns =
        std::max<std::int64_t>(1, std::llround(static_cast<double>(shape_.w) / step_));
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        Center center{(static_cast<double>(i) + 0.5) * static_cast<double>(shape_.h) /
                              static_cast<double>(rows) -
                          0.5,
                      (static_cast<double>(j) + 0.5) * static_cast<double>(shape_.w) /
                              static_cast<double>(columns) -
                          0.5,
                      {}};
        const auto pixel = static_cast<std::size_t>(std::llround(center.row) * shape_.w +
                                                    std::llround(center.column));
        for (std::int64_t c = 0; c < shape_.c; ++c)
          center.color.push_back(color(c, std::min(pixel, plane_ - 1)));
        centers_.push_back(std::move(center));
      }
    }
  }

  void assign() {
    std::vector<double> best(plane_, std::numeric_limits<double>::infinity());
    for (std::size_t k = 0; k < centers_.size(); ++k) {
      const Center& center = centers_[k];
      const auto from = [&](double at) {
        return std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(at - step_)));
      };
      const auto to = [&](double at, std::int64_t extent) {
        return std::min<std::int64_t>(extent - 1, static_cast<std::int64_t>(std::ceil(at + step_)));
      };
      for (std::int64_t i = from(center.row); i <= to(center.row, shape_.h); ++i) {
        for (std::int64_t j = from(center.column); j <= to(center.column, shape_.w); ++j) {
          const auto pixel = static_cast<std::size_t>(i * shape_.w + j);
          double d = 0.0;
          for (std::int64_t c = 0; c < shape_.c; ++c) {
            const double x = color(c, pixel) - center.color[static_cast<std::size_t>(c)];
            d += x * x;
          }
          const double down = weight_ * (static_cast<double>(i) - center.row);
          const double across = weight_ * (static_cast<double>(j) - center.column);
          d += down * down + across * across;
          if (d < best[pixel]) {  // the first centre wins ties
            best[pixel] = d;
            label_[pixel] = static_cast<std::int32_t>(k);
          }
        }
      }
    }
  }

  void move() {
    std::vector<double> count(centers_.size());
    std::vector<Center> sum(
        centers_.size(), Center{0.0, 0.0, std::vector<double>(static_cast<std::size_t>(shape_.c))});
    for (std::size_t pixel = 0; pixel < plane_; ++pixel) {
      const auto k = static_cast<std::size_t>(label_[pixel]);
      count[k] += 1.0;
      sum[k].row += static_cast<double>(static_cast<std::int64_t>(pixel) / shape_.w);
      sum[k].column += static_cast<double>(static_cast<std::int64_t>(pixel) % shape_.w);
      for (std::int64_t c = 0; c < shape_.c; ++c)
        sum[k].color[static_cast<std::size_t>(c)] += color(c, pixel);
    }
    for (std::size_t k = 0; k < centers_.size(); ++k) {
      if (count[k] == 0.0) continue;
      centers_[k].row = sum[k].row / count[k];
      centers_[k].column = sum[k].column / count[k];
      for (std::size_t c = 0; c < sum[k].color.size(); ++c)
        centers_[k].color[c] = sum[k].color[c] / count[k];
    }
  }

  /// Numbers connected pieces in the order of their first pixel; small ones join the piece left of
  /// or above it.
  [[nodiscard]] Segmentation connected() const {
    Segmentation result;
    result.label.assign(plane_, -1);
    const auto least = static_cast<std::size_t>(step_ * step_ / 4.0);
    std::vector<std::size_t> piece;
    for (std::size_t start = 0; start < plane_; ++start) {
      if (result.label[start] >= 0) continue;
      std::int32_t neighbour = -1;
      if (start % static_cast<std::size_t>(shape_.w) != 0) neighbour = result.label[start - 1];
      if (neighbour < 0 && start >= static_cast<std::size_t>(shape_.w)) {
        neighbour = result.label[start - static_cast<std::size_t>(shape_.w)];
      }
      flood(start, result.count, result.label, piece);
      if (piece.size() < least && neighbour >= 0) {
        for (const std::size_t pixel : piece) result.label[pixel] = neighbour;
      } else {
        ++result.count;
      }
    }
    return result;
  }

  void flood(std::size_t start,
             std::int32_t number,
             std::vector<std::int32_t>& label,
             std::vector<std::size_t>& piece) const {
    const auto width = static_cast<std::size_t>(shape_.w);
    piece.assign(1, start);
    label[start] = number;
    const auto visit = [&](std::size_t pixel) {
      if (label[pixel] >= 0 || label_[pixel] != label_[start]) return;
      label[pixel] = number;
      piece.push_back(pixel);
    };
    for (std::size_t next = 0; next < piece.size(); ++next) {
      const std::size_t pixel = piece[next];
      if (pixel % width != 0) visit(pixel - 1);
      if ((pixel + 1) % width != 0) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel + width < plane_) visit(pixel + width);
    }
  }

  Shape shape_;
  std::size_t plane_;
  std::vector<double> color_;
  double step_{1.0}, weight_{1.0};
  std::vector<Center> centers_;
  std::vector<std::int32_t> label_;
};

}  // namespace

Segmentation slic(std::span<const float> image,
                  const Shape& shape,
                  std::int64_t segments,
                  double compactness) {
  if (segments < 1 || segments > shape.plane() || !(compactness > 0.0)) {
    throw Error(ErrorKind::kUsage, "superpixels")
        .expected("1 to " + std::to_string(shape.plane()) + " segments, compactness above 0");
  }
  return Slic(image, shape, segments, compactness).run();
}

}  // namespace cutaway::explain
