#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "explain/graph/show/graph_page.css.h"
#include "explain/graph/show/graph_page.js.h"
#include "explain/graph/show/show_graph.h"
#include "explain/pictures/resample.h"
#include "explain/pictures/write_image.h"
#include "explain/report/report.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double v, double unit) { return std::round(v / unit) * unit; }

Json node_json(const Scene& scene,
               std::size_t l,
               std::int32_t n,
               std::int64_t pictures,
               std::int64_t patches,
               const std::vector<std::int32_t>& above) {
  const auto& layer = scene.graph().layers[l];
  const auto at = static_cast<std::size_t>(n);
  Json x = Json::array();
  Json y = Json::array();
  Json score = Json::array();
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < pictures; ++i) {
    const auto p = scene.place(l, n, i);
    x.push_back(rounded(p.w, 0.25));
    y.push_back(rounded(p.h, 0.25));
    score.push_back(
        rounded(static_cast<double>(scene.records[l].total.at(n, i)) / layer.score_unit, 0.01));
    order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return scene.records[l].total.at(n, a) > scene.records[l].total.at(n, b);
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(patches)));
  Json up = Json::array();
  for (std::int64_t j = 0; j < layer.parents; ++j) {
    const std::int32_t e = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
    const auto found = std::ranges::find(above, e);
    if (found != above.end()) up.push_back(found - above.begin());
  }
  return {{"f", n / layer.spec.nodes},
          {"p", n % layer.spec.nodes},
          {"rank", static_cast<double>(layer.rank[at])},
          {"delta", layer.spec.stride * static_cast<double>(layer.delta[at])},
          {"x", x},
          {"y", y},
          {"s", score},
          {"best", order},
          {"up", up}};
}

/// Nodes of every layer: the best of the lowest; of the others the best half, and for the rest the
/// parents that the nodes chosen below have most often, so that there are edges to follow.
std::vector<std::vector<std::int32_t>> chosen_nodes(const graph::ExplanatoryGraph& graph,
                                                    std::int64_t most) {
  std::vector<std::vector<std::int32_t>> chosen;
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    std::vector<std::int32_t> order = by_rank(graph.layers[l]);
    const std::size_t count = std::min(order.size(), static_cast<std::size_t>(most));
    if (l > 0) {
      const auto& below = graph.layers[l - 1];
      std::vector<std::int64_t> children(order.size());
      for (const std::int32_t n : chosen[l - 1]) {
        for (std::int64_t j = 0; j < below.parents; ++j) {
          const auto at = static_cast<std::size_t>(n * below.parents + j);
          if (below.edges[at] >= 0) ++children[static_cast<std::size_t>(below.edges[at])];
        }
      }
      const auto rest = order.begin() + static_cast<std::ptrdiff_t>((count + 1) / 2);
      std::stable_sort(rest, order.end(), [&](std::int32_t a, std::int32_t b) {
        return children[static_cast<std::size_t>(a)] > children[static_cast<std::size_t>(b)];
      });
    }
    order.resize(count);
    chosen.push_back(std::move(order));
  }
  return chosen;
}

}  // namespace

std::string graph_page(const Scene& scene, const std::vector<Image>& large, const ShowOptions& o) {
  const std::int64_t pictures = std::min(o.page_pictures, scene.images());
  Json data{{"side", scene.side},
            {"patch", o.patch * scene.side / 224},
            {"images", Json::array()},
            {"layers", Json::array()}};
  for (std::int64_t i = 0; i < pictures; ++i) {
    const Image small =
        resize(large[static_cast<std::size_t>(i)], 160, 160, Resample::kBilinearPil);
    data["images"].push_back("data:image/jpeg;base64," + base64(encode_jpeg(small, {82, false})));
  }
  const std::vector<std::vector<std::int32_t>> nodes = chosen_nodes(scene.graph(), o.page_nodes);
  for (std::size_t l = 0; l < nodes.size(); ++l) {
    const std::vector<std::int32_t> none;
    Json list = Json::array();
    for (const std::int32_t n : nodes[l]) {
      list.push_back(
          node_json(scene, l, n, pictures, 12, l + 1 < nodes.size() ? nodes[l + 1] : none));
    }
    data["layers"].push_back({{"name", scene.graph().layers[l].spec.name}, {"nodes", list}});
  }
  std::string text = data.dump(-1, ' ', true, Json::error_handler_t::replace);
  // Inside a script element '<' could end it.
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
    text.replace(at, 1, "\\u003c");
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Explanatory "
         "graph</title>"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
         "data:; style-src "
         "'unsafe-inline'; script-src 'unsafe-inline'\"><style>" +
         std::string(embedded::explain_graph_show_graph_page_css) +
         "</style></head><body><div id=\"list\"></div><main><h2 id=\"title\"></h2><div "
         "id=\"facts\"></div>"
         "<h4>where it scores highest</h4><div id=\"patches\"></div>"
         "<h4>parents: nodes above that move with it</h4><div id=\"parents\"></div>"
         "<h4>children: nodes below that move with it</h4><div id=\"children\"></div>"
         "<h4>its place in the pictures, best first</h4><div id=\"images\"></div></main>"
         "<script type=\"application/json\" id=\"data\">" +
         text + "</script><script>" + std::string(embedded::explain_graph_show_graph_page_js) +
         "</script></body></html>\n";
}

std::string graph_dot(const graph::ExplanatoryGraph& graph, std::int64_t most) {
  std::string text =
      "digraph explanatory_graph {\n  rankdir=BT;\n  node [shape=box, fontsize=9];\n";
  const std::vector<std::vector<std::int32_t>> chosen = chosen_nodes(graph, most);
  std::vector<std::set<std::int32_t>> shown;
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    const auto& layer = graph.layers[l];
    const std::vector<std::int32_t>& nodes = chosen[l];
    shown.emplace_back(nodes.begin(), nodes.end());
    text += "  subgraph layer" + std::to_string(l) + " {\n    rank=same;\n";
    for (const std::int32_t n : nodes) {
      std::string name;
      for (const char c : layer.spec.name)
        name += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
      char rank[32];
      std::snprintf(rank, sizeof rank, "%.2f",
                    static_cast<double>(layer.rank[static_cast<std::size_t>(n)]));
      text += "    l" + std::to_string(l) + "n" + std::to_string(n) + " [label=\"" + name +
              "\\nfilter " + std::to_string(n / layer.spec.nodes) + " node " +
              std::to_string(n % layer.spec.nodes) + "\\n" + rank + "\"];\n";
    }
    text += "  }\n";
  }
  for (std::size_t l = 0; l + 1 < graph.layers.size(); ++l) {
    const auto& layer = graph.layers[l];
    for (const std::int32_t n : shown[l]) {
      for (std::int64_t j = 0; j < layer.parents; ++j) {
        const std::int32_t e = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
        if (!shown[l + 1].contains(e)) continue;
        text += "  l" + std::to_string(l) + "n" + std::to_string(n) + " -> l" +
                std::to_string(l + 1) + "n" + std::to_string(e) + ";\n";
      }
    }
  }
  return text + "}\n";
}

}  // namespace cutaway::explain
