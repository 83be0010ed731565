#include "explain/localization/min_cut.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::int32_t kUnreachable = std::numeric_limits<std::int32_t>::max();

void check_capacities(double a, double b) {
  if (!(a >= 0.0 && b >= 0.0 && std::isfinite(a) && std::isfinite(b))) {
    throw Error(ErrorKind::kUsage, "minimum cut")
        .expected("finite capacities that are not negative");
  }
}

}  // namespace

MinCut::MinCut(std::size_t nodes, std::size_t edges) : nodes_(nodes) {
  constexpr std::size_t kMost = std::size_t{1} << 30U;
  if (nodes > kMost || edges > kMost / 2)
    throw Error(ErrorKind::kMemory, "minimum cut: too many nodes");
  arcs_.reserve(2 * edges);
}

void MinCut::add_terminals(std::size_t node, double from_source, double to_sink) {
  check_capacities(from_source, to_sink);
  double& room = nodes_.at(node).room;
  // What goes straight through is part of every cut.
  (room > 0.0 ? from_source : to_sink) += std::fabs(room);
  flow_ += std::min(from_source, to_sink);
  room = from_source - to_sink;
}

void MinCut::add_edges(std::size_t a, std::size_t b, double forward, double backward) {
  check_capacities(forward, backward);
  check(a != b && a < nodes_.size() && b < nodes_.size(), "minimum cut: an edge of no two nodes");
  if (arcs_.size() > std::numeric_limits<Index>::max() - 2) {
    throw Error(ErrorKind::kMemory, "minimum cut: too many edges");
  }
  const auto at = static_cast<Index>(arcs_.size());
  arcs_.push_back({static_cast<Index>(b), nodes_[a].first, forward});
  arcs_.push_back({static_cast<Index>(a), nodes_[b].first, backward});
  nodes_[a].first = at;
  nodes_[b].first = at + 1;
}

void MinCut::activate(Index i) {
  if (node(i).active) return;
  node(i).active = true;
  queue_.push_back(i);
}

double MinCut::solve() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].room == 0.0) continue;
    nodes_[i].sink = nodes_[i].room < 0.0;
    nodes_[i].parent = kTerminal;
    nodes_[i].distance = 1;
    activate(static_cast<Index>(i));
  }
  for (Index bridge = grow(); bridge != kNone; bridge = grow()) {
    ++time_;
    augment(bridge);
    while (!orphans_.empty()) {
      const Index i = orphans_.front();
      orphans_.pop_front();
      adopt(i);
    }
  }
  return flow_;
}

/// Grows both trees until they touch; the arc from the source's to the sink's, or kNone.
MinCut::Index MinCut::grow() {
  while (!queue_.empty()) {
    const Index i = queue_.front();
    if (node(i).parent != kFree) {
      const Index bridge = grow_from(i);
      if (bridge != kNone) return bridge;
    }
    queue_.pop_front();
    node(i).active = false;
  }
  return kNone;
}

MinCut::Index MinCut::grow_from(Index i) {
  const Node& p = node(i);
  const Index against =
      p.sink ? 1 : 0;  // flow runs from the source's tree outwards, into the sink's inwards
  for (Index a = p.first; a != kNone; a = arc(a).next) {
    if (!(arc(a ^ against).room > 0.0)) continue;
    const Index j = arc(a).head;
    Node& q = node(j);
    if (q.parent == kFree) {
      q.sink = p.sink;
      q.parent = a ^ 1;
      q.stamp = p.stamp;
      q.distance = p.distance + 1;
      activate(j);
    } else if (q.sink != p.sink) {
      return a ^ against;
    } else if (q.stamp <= p.stamp && q.distance > p.distance + 1) {  // a shorter way to the root
      q.parent = a ^ 1;
      q.stamp = p.stamp;
      q.distance = p.distance + 1;
    }
  }
  return kNone;
}

/// The least room between a node and its terminal. A parent arc leads towards the root: with the
/// flow in the sink's tree, against it in the source's.
double MinCut::bottleneck(Index from, bool sink) {
  double least = std::numeric_limits<double>::infinity();
  Index i = from;
  for (; node(i).parent != kTerminal; i = arc(node(i).parent).head) {
    least = std::min(least, arc(node(i).parent ^ (sink ? 0 : 1)).room);
  }
  return std::min(least, std::fabs(node(i).room));
}

void MinCut::push(Index from, bool sink, double flow) {
  Index i = from;
  while (node(i).parent != kTerminal) {
    const Index up = node(i).parent;
    const Index along = up ^ (sink ? 0 : 1);
    arc(along).room -= flow;
    arc(along ^ 1).room += flow;
    if (!(arc(along).room > 0.0)) orphan(i);
    i = arc(up).head;
  }
  node(i).room += sink ? flow : -flow;
  if (node(i).room == 0.0) orphan(i);
}

void MinCut::augment(Index bridge) {
  const Index tail = arc(bridge ^ 1).head;
  const Index head = arc(bridge).head;
  const double flow = std::min({arc(bridge).room, bottleneck(tail, false), bottleneck(head, true)});
  arc(bridge).room -= flow;
  arc(bridge ^ 1).room += flow;
  push(tail, false, flow);
  push(head, true, flow);
  flow_ += flow;
}

void MinCut::orphan(Index i) {
  node(i).parent = kOrphan;
  orphans_.push_back(i);
}

/// Steps to the terminal; kUnreachable where an orphan is on the way. Remembers what it finds for
/// this time.
std::int32_t MinCut::distance_to_root(Index i) {
  std::int32_t steps = 0;
  Index j = i;
  while (node(j).stamp != time_) {
    if (node(j).parent == kOrphan || node(j).parent == kFree) return kUnreachable;
    ++steps;
    if (node(j).parent == kTerminal) {
      node(j).stamp = time_;
      node(j).distance = 1;
      --steps;
      break;
    }
    j = arc(node(j).parent).head;
  }
  if (node(j).parent == kOrphan) return kUnreachable;
  std::int32_t d = node(j).distance + steps;
  const std::int32_t found = d;
  for (Index k = i; node(k).stamp != time_; k = arc(node(k).parent).head) {
    node(k).stamp = time_;
    node(k).distance = d--;
  }
  return found;
}

/// A new parent of the same tree that is rooted in the terminal, the nearest to it; or freedom.
void MinCut::adopt(Index i) {
  Node& p = node(i);
  const Index against = p.sink ? 0 : 1;
  std::int32_t best = kUnreachable;
  Index parent = kNone;
  for (Index a = p.first; a != kNone; a = arc(a).next) {
    const Node& q = node(arc(a).head);
    if (!(arc(a ^ against).room > 0.0) || q.parent == kFree || q.sink != p.sink) continue;
    const std::int32_t d = distance_to_root(arc(a).head);
    if (d < best) {
      best = d;
      parent = a;
    }
  }
  if (parent != kNone) {
    p.parent = parent;
    p.stamp = time_;
    p.distance = best + 1;
    return;
  }
  p.parent = kFree;
  p.stamp = 0;
  for (Index a = p.first; a != kNone; a = arc(a).next) {
    const Index j = arc(a).head;
    Node& q = node(j);
    if (q.parent == kFree || q.sink != p.sink) continue;
    if (arc(a ^ against).room > 0.0) activate(j);
    if (q.parent >= 0 && arc(q.parent).head == i) orphan(j);
  }
}

}  // namespace cutaway::explain
