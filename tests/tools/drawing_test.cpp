// Drawings of graphs: boxes that do not overlap, lines that go down, SVG that is well-formed.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "explain/report/drawing/graph_drawing.h"
#include "explain/report/drawing/layered_layout.h"
#include "layers/conv.h"
#include "layers/relu.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Every tag closed, in order; attributes quoted; no stray '<' or '&'.
bool well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at)) {
    const std::size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0 || tag.find('<') != std::string::npos)
      return false;
    const std::string name =
        tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" /", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty();
}

}  // namespace

TEST_CASE("a layered layout: no overlaps, lines from edge to edge, downwards") {
  // A diamond with a shortcut, and widths that force shifts.
  const std::vector<LayoutBox> boxes{{100, 20, {}},  {200, 30, {0}},   {80, 20, {0}},
                                     {120, 25, {1}}, {90, 20, {2, 0}}, {60, 20, {3, 4, 0}}};
  const Layout2d layout = layered_layout(boxes, 10, 15);
  REQUIRE(layout.corners.size() == boxes.size());
  CHECK(layout.lines.size() == 8);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const Point& a = layout.corners[i];
    CHECK(a.x >= -1e-9);
    CHECK(a.x + boxes[i].width <= layout.width + 1e-9);
    CHECK(a.y + boxes[i].height <= layout.height + 1e-9);
    for (std::size_t j = 0; j < i; ++j) {
      const Point& b = layout.corners[j];
      const bool apart = a.x >= b.x + boxes[j].width || b.x >= a.x + boxes[i].width ||
                         a.y >= b.y + boxes[j].height || b.y >= a.y + boxes[i].height;
      CHECK(apart);
    }
  }
  for (const Layout2d::Line& line : layout.lines) {
    CHECK(line.points.front().y ==
          doctest::Approx(layout.corners[line.from].y + boxes[line.from].height));
    CHECK(line.points.back().y == doctest::Approx(layout.corners[line.to].y));
    for (std::size_t k = 1; k < line.points.size(); ++k)
      CHECK(line.points[k].y >= line.points[k - 1].y);
  }
  CHECK(layered_layout({}, 1, 1).corners.empty());
}

TEST_CASE("a chain stands in one column") {
  std::vector<LayoutBox> boxes{{100, 20, {}}};
  for (std::size_t i = 1; i < 10; ++i) boxes.push_back({i % 2 == 0 ? 60.0 : 140.0, 20, {i - 1}});
  const Layout2d layout = layered_layout(boxes, 10, 15);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    CHECK(layout.corners[i].x + boxes[i].width / 2 == doctest::Approx(70.0));
  }
}

TEST_CASE("every architecture can be drawn") {
  for (const weights::ZooEntry& entry : weights::zoo()) {
    INFO(entry.name);
    const Graph graph = entry.build({}).graph;
    const std::string svg = to_svg(graph, {entry.name, {"a < b & c"}});
    CHECK(well_formed(svg));
    CHECK(svg.find("a &lt; b &amp; c") != std::string::npos);
    CHECK(svg.find("nan") == std::string::npos);
    const std::string dot = to_dot(graph, entry.name);
    CHECK(count(dot, "[label=") == static_cast<std::size_t>(graph.size()));
    std::size_t edges = 0;
    for (const Node& node : graph.nodes()) edges += node.inputs.size();
    CHECK(count(dot, " -> ") == edges);
  }
}

TEST_CASE("layers that ride along have no card of their own, and names are escaped") {
  Graph g(Shape{1, 3, 8, 8});
  g.add("a<\"b\">", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("r", std::make_shared<Relu>());
  const std::string svg = to_svg(g, {"t", {}});
  CHECK(well_formed(svg));
  CHECK(count(svg, "class=\"card\"") == 2);
  CHECK(svg.find("+ relu  r") != std::string::npos);
  CHECK(svg.find("a&lt;&quot;b&quot;&gt;") != std::string::npos);
  CHECK(to_dot(g, "t").find("a<\\\"b\\\">") != std::string::npos);
}

TEST_CASE("numbers for people, and memory") {
  CHECK(short_count(512) == "512");
  CHECK(short_count(35'300) == "35.3 k");
  CHECK(short_count(999'999) == "1.00 M");
  CHECK(short_count(1'207'000'000) == "1.21 G");
  CHECK(short_bytes(1536) == "1.50 KiB");
  const Graph g = weights::build_zoo("lenet").graph;
  const GraphMemory m = memory_of(g);
  CHECK(m.parameters == 431'080 * 4);
  CHECK(m.forward > 0);
  CHECK(m.gradient >= m.forward);
  CHECK(summary_of(g.node(g.find("conv1"))) == "5x5, 20 channels");
  CHECK(summary_of(g.node(g.find("pool1"))) == "2x2, stride 2");
}
