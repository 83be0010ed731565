#include "explain/report/drawing/layered_layout.h"

#include <algorithm>
#include <numeric>

namespace cutaway::explain {
namespace {

constexpr int kOrderSweeps = 12;
constexpr int kPositionSweeps = 60;
constexpr double kLaneWidth = 6;  // of a line that passes a layer

struct Vertex {
  double width{0}, height{0};
  std::size_t rank{0};
  std::vector<std::size_t> up, down;
  double x{0};          // centre
  std::size_t slot{0};  // position in its layer
};

using Ranks = std::vector<std::vector<std::size_t>>;

class Layered {
 public:
  Layered(const std::vector<LayoutBox>& boxes, double gap_across, double gap_down)
      : boxes_(boxes), gap_across_(gap_across), gap_down_(gap_down) {}

  Layout2d run() {
    assign_ranks();
    connect();
    order();
    place();
    return draw();
  }

 private:
  void assign_ranks() {
    for (const LayoutBox& box : boxes_) {
      Vertex v;
      v.width = box.width;
      v.height = box.height;
      for (const std::size_t a : box.above) v.rank = std::max(v.rank, vertices_[a].rank + 1);
      if (v.rank >= ranks_.size()) ranks_.resize(v.rank + 1);
      ranks_[v.rank].push_back(vertices_.size());
      vertices_.push_back(std::move(v));
    }
  }

  void link(std::size_t a, std::size_t b) {
    vertices_[a].down.push_back(b);
    vertices_[b].up.push_back(a);
  }

  void connect() {
    for (std::size_t to = 0; to < boxes_.size(); ++to) {
      for (const std::size_t from : boxes_[to].above) {
        std::vector<std::size_t> chain{from};
        for (std::size_t r = vertices_[from].rank + 1; r < vertices_[to].rank; ++r) {
          ranks_[r].push_back(vertices_.size());
          Vertex lane;
          lane.width = kLaneWidth;
          lane.rank = r;
          vertices_.push_back(lane);
          link(chain.back(), vertices_.size() - 1);
          chain.push_back(vertices_.size() - 1);
        }
        link(chain.back(), to);
        chain.push_back(to);
        chains_.push_back(std::move(chain));
      }
    }
  }

  void number_slots() {
    for (const auto& rank : ranks_) {
      for (std::size_t i = 0; i < rank.size(); ++i) vertices_[rank[i]].slot = i;
    }
  }

  std::size_t crossings() const {
    std::size_t count = 0;
    for (const auto& rank : ranks_) {
      std::vector<std::pair<std::size_t, std::size_t>> ends;
      for (const std::size_t v : rank) {
        for (const std::size_t d : vertices_[v].down)
          ends.emplace_back(vertices_[v].slot, vertices_[d].slot);
      }
      for (std::size_t i = 0; i < ends.size(); ++i) {
        for (std::size_t j = i + 1; j < ends.size(); ++j) {
          const auto& [a, b] = ends[i];
          const auto& [c, d] = ends[j];
          count += (a < c && b > d) || (a > c && b < d) ? 1U : 0U;
        }
      }
    }
    return count;
  }

  void sort_rank(std::vector<std::size_t>& rank, bool downwards) {
    std::vector<double> key(vertices_.size(), 0);
    for (const std::size_t v : rank) {
      const auto& near = downwards ? vertices_[v].up : vertices_[v].down;
      double sum = 0;
      for (const std::size_t n : near) sum += static_cast<double>(vertices_[n].slot);
      key[v] = near.empty() ? static_cast<double>(vertices_[v].slot)
                            : sum / static_cast<double>(near.size());
    }
    std::stable_sort(rank.begin(), rank.end(),
                     [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
    for (std::size_t i = 0; i < rank.size(); ++i) vertices_[rank[i]].slot = i;
  }

  void order() {
    number_slots();
    Ranks best = ranks_;
    std::size_t fewest = crossings();
    for (int sweep = 0; sweep < kOrderSweeps && fewest > 0; ++sweep) {
      if (sweep % 2 == 0) {
        for (auto& rank : ranks_) sort_rank(rank, true);
      } else {
        for (auto rank = ranks_.rbegin(); rank != ranks_.rend(); ++rank) sort_rank(*rank, false);
      }
      const std::size_t now = crossings();
      if (now < fewest) {
        fewest = now;
        best = ranks_;
      }
    }
    ranks_ = std::move(best);
    number_slots();
  }

  double distance(std::size_t left, std::size_t right) const {
    return (vertices_[left].width + vertices_[right].width) / 2 + gap_across_;
  }

  /// The positions nearest to `wanted` that keep the minimal distances: isotonic regression.
  void settle(const std::vector<std::size_t>& rank, const std::vector<double>& wanted) {
    struct Block {
      double sum, weight;
      std::size_t count;
    };
    std::vector<Block> blocks;
    std::vector<double> offset(rank.size(), 0);
    for (std::size_t i = 0; i < rank.size(); ++i) {
      if (i > 0) offset[i] = offset[i - 1] + distance(rank[i - 1], rank[i]);
      // Straight long lines matter more than centred boxes.
      const double weight = vertices_[rank[i]].height == 0 ? 4 : 1;
      blocks.push_back({weight * (wanted[i] - offset[i]), weight, 1});
      while (blocks.size() > 1) {
        const Block& last = blocks.back();
        Block& before = blocks[blocks.size() - 2];
        if (before.sum / before.weight <= last.sum / last.weight) break;
        before = {before.sum + last.sum, before.weight + last.weight, before.count + last.count};
        blocks.pop_back();
      }
    }
    std::size_t i = 0;
    for (const Block& block : blocks) {
      for (std::size_t k = 0; k < block.count; ++k, ++i) {
        vertices_[rank[i]].x = block.sum / block.weight + offset[i];
      }
    }
  }

  /// In the middle of the boxes above and of those below. Both sides at once: one alone would let
  /// the drawing drift a little further with every sweep.
  [[nodiscard]] double between_neighbours(const Vertex& vertex) const {
    double sum = 0;
    int sides = 0;
    for (const auto* near : {&vertex.up, &vertex.down}) {
      if (near->empty()) continue;
      double least = vertices_[near->front()].x;
      double most = least;
      for (const std::size_t n : *near) {
        least = std::min(least, vertices_[n].x);
        most = std::max(most, vertices_[n].x);
      }
      sum += (least + most) / 2;
      ++sides;
    }
    return sides == 0 ? vertex.x : sum / sides;
  }

  void place() {
    for (const auto& rank : ranks_) settle(rank, std::vector<double>(rank.size(), 0));
    for (int sweep = 0; sweep < kPositionSweeps; ++sweep) {
      const bool downwards = sweep % 2 == 0;
      for (std::size_t r = 0; r < ranks_.size(); ++r) {
        const auto& rank = ranks_[downwards ? r : ranks_.size() - 1 - r];
        std::vector<double> wanted;
        for (const std::size_t v : rank) wanted.push_back(between_neighbours(vertices_[v]));
        settle(rank, wanted);
      }
    }
  }

  Layout2d draw() {
    double left = vertices_.front().x;
    for (const Vertex& v : vertices_) left = std::min(left, v.x - v.width / 2);
    std::vector<double> top(ranks_.size(), 0), tall(ranks_.size(), 0);
    for (const Vertex& v : vertices_) tall[v.rank] = std::max(tall[v.rank], v.height);
    for (std::size_t r = 1; r < top.size(); ++r) top[r] = top[r - 1] + tall[r - 1] + gap_down_;
    Layout2d result;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      Vertex& v = vertices_[i];
      v.x -= left;
      result.width = std::max(result.width, v.x + v.width / 2);
      if (i >= boxes_.size()) continue;
      // Boxes of a layer stand centred on one line.
      result.corners.push_back({v.x - v.width / 2, top[v.rank] + (tall[v.rank] - v.height) / 2});
      result.height = std::max(result.height, result.corners.back().y + v.height);
    }
    for (const auto& chain : chains_) {
      Layout2d::Line line{chain.front(), chain.back(), {}};
      const Point& from = result.corners[chain.front()];
      line.points.push_back({vertices_[chain.front()].x, from.y + vertices_[chain.front()].height});
      for (std::size_t k = 1; k + 1 < chain.size(); ++k) {
        const Vertex& lane = vertices_[chain[k]];
        line.points.push_back({lane.x, top[lane.rank]});
        line.points.push_back({lane.x, top[lane.rank] + tall[lane.rank]});
      }
      line.points.push_back({vertices_[chain.back()].x, result.corners[chain.back()].y});
      result.lines.push_back(std::move(line));
    }
    return result;
  }

  const std::vector<LayoutBox>& boxes_;
  double gap_across_, gap_down_;
  std::vector<Vertex> vertices_;  // boxes first, then the lanes of lines
  std::vector<std::vector<std::size_t>> chains_;
  Ranks ranks_;
};

}  // namespace

Layout2d layered_layout(const std::vector<LayoutBox>& boxes, double gap_across, double gap_down) {
  if (boxes.empty()) return {};
  return Layered(boxes, gap_across, gap_down).run();
}

}  // namespace cutaway::explain
