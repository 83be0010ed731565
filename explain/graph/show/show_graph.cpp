#include "explain/graph/show/show_graph.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "explain/graph/heat_map.h"
#include "explain/graph/ranking.h"
#include "explain/pictures/draw.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/resample.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

namespace render = cutaway::explain;
using graph::PixelPoint;
using graph::TreeNode;

constexpr int kLarge = 224;

void draw_dot(render::Image& image, double x, double y, int radius, render::Rgb colour) {
  for (int dy = -radius - 1; dy <= radius + 1; ++dy) {
    for (int dx = -radius - 1; dx <= radius + 1; ++dx) {
      const double far = std::hypot(dx, dy) - radius;
      if (far > 1) continue;
      const auto alpha = static_cast<float>(far <= 0 ? 1 : 1 - far);
      render::blend_pixel(image, static_cast<int>(std::lround(x)) + dx,
                          static_cast<int>(std::lround(y)) + dy, colour, alpha);
    }
  }
}

void draw_line(
    render::Image& image, double x0, double y0, double x1, double y1, render::Rgb colour) {
  const int steps = 1 + static_cast<int>(2 * std::hypot(x1 - x0, y1 - y0));
  for (int k = 0; k <= steps; ++k) {
    const double t = static_cast<double>(k) / steps;
    render::blend_pixel(image, static_cast<int>(std::lround(x0 + t * (x1 - x0))),
                        static_cast<int>(std::lround(y0 + t * (y1 - y0))), colour, 0.8f);
  }
}

std::string node_name(const Scene& scene, std::size_t l, std::int64_t node) {
  const auto& spec = scene.graph().layers[l].spec;
  return "filter " + std::to_string(node / spec.nodes) + ", node " +
         std::to_string(node % spec.nodes);
}

std::vector<std::int64_t> show_pictures(const Scene& scene, std::int64_t most) {
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < std::min(most, scene.images()); ++i) chosen.push_back(i);
  return chosen;
}

/// The best nodes, one of a filter and, as long as there are others, one at a place (a fifth of the
/// side): nodes collapse on the parts that tell most, and the same ear twelve times shows one part.
std::vector<std::int32_t> distinct_best(const Scene& scene, std::size_t l, std::int64_t most) {
  const auto& layer = scene.graph().layers[l];
  const double apart = 0.2 * scene.side / layer.spec.stride;
  std::vector<bool> seen(static_cast<std::size_t>(layer.spec.filters));
  std::vector<std::int32_t> chosen;
  const auto crowded = [&](std::int32_t n) {
    const auto at = [&](std::int32_t node) { return static_cast<std::size_t>(node); };
    return std::ranges::any_of(chosen, [&](std::int32_t other) {
      return std::hypot(layer.mean_h[at(n)] - layer.mean_h[at(other)],
                        layer.mean_w[at(n)] - layer.mean_w[at(other)]) < apart;
    });
  };
  for (const bool spread : {true, false}) {
    for (const std::int32_t n : by_rank(layer)) {
      if (static_cast<std::int64_t>(chosen.size()) == most) return chosen;
      const auto filter = static_cast<std::size_t>(n / layer.spec.nodes);
      if (seen[filter] || (spread && crowded(n))) continue;
      seen[filter] = true;
      chosen.push_back(n);
    }
  }
  return chosen;
}

void write_patches(const Scene& scene,
                   const std::vector<render::Image>& large,
                   const ShowOptions& o,
                   RunFolder& folder) {
  const std::vector<std::string> words = layer_words(scene.graph());
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    std::vector<render::Tile> tiles;
    std::vector<std::string> titles;
    for (const std::int32_t n : distinct_best(scene, l, o.nodes)) {
      titles.push_back(node_name(scene, l, n));
      for (std::int64_t k = 0;
           const std::int64_t i : best_images(scene.records[l].total, n, o.patches)) {
        tiles.push_back(
            {patch_of(scene, large[static_cast<std::size_t>(i)], l, n, i, o.patch, 72), "", ""});
        ++k;
      }
      for (std::int64_t k = scene.images(); k < o.patches; ++k) tiles.push_back({});
    }
    render::PanelStyle style;
    style.gap = 3;
    write_png(folder.claim("patches_" + words[l] + ".png"),
              render::grid(tiles, static_cast<int>(o.patches), {}, titles, style));
  }
}

void write_heat(const Scene& scene,
                const std::vector<render::Image>& large,
                const ShowOptions& o,
                RunFolder& folder) {
  std::vector<render::Tile> tiles;
  std::vector<std::string> titles{"object"};
  for (const auto& layer : scene.graph().layers) titles.push_back(layer.spec.name);
  for (const std::int64_t i : show_pictures(scene, o.pictures)) {
    const render::Image& photo = large[static_cast<std::size_t>(i)];
    tiles.push_back({photo, scene.features.objects[static_cast<std::size_t>(i)].category, ""});
    for (std::size_t l = 0; l < scene.records.size(); ++l) {
      const std::vector<float> heat = heat_map(scene.graph(), l, scene.records[l], i, scene.side);
      tiles.push_back({render::overlay(photo, {heat, scene.side, scene.side}).image, "", ""});
    }
  }
  write_png(folder.claim("heat.png"), render::grid(tiles, static_cast<int>(titles.size()), titles));
}

/// The picture with the tree's nodes joined, and beside it the tree, a column a layer, as patches.
void write_trees(const Scene& scene,
                 const std::vector<render::Image>& large,
                 const ShowOptions& o,
                 RunFolder& folder) {
  const render::Rgb colours[] = {{255, 210, 60}, {80, 220, 255}, {255, 120, 200}, {140, 255, 120}};
  for (const std::int64_t i : show_pictures(scene, std::min<std::int64_t>(o.pictures, 4))) {
    const std::vector<TreeNode> tree = part_tree(scene.graph(), scene.records, i, 3);
    render::Image photo = render::magnify(large[static_cast<std::size_t>(i)], 2);
    const double scale = 2.0 * kLarge / scene.side;
    const auto at = [&](const TreeNode& t) {
      const PixelPoint p = scene.place(t.layer, t.node, i);
      return PixelPoint{(p.h + 0.5) * scale, (p.w + 0.5) * scale};
    };
    for (std::size_t k = 1; k < tree.size(); ++k) {
      const PixelPoint a = at(tree[k]);
      const PixelPoint b = at(tree[tree[k].parent]);
      draw_line(photo, a.w, a.h, b.w, b.h, {255, 255, 255});
    }
    for (const TreeNode& t : tree) {
      const PixelPoint p = at(t);
      draw_dot(photo, p.w, p.h, 3 + 2 * static_cast<int>(t.layer), {20, 20, 20});
      draw_dot(photo, p.w, p.h, 2 + 2 * static_cast<int>(t.layer), colours[t.layer % 4]);
    }
    std::vector<render::Tile> tiles;
    for (const TreeNode& t : tree) {
      tiles.push_back(
          {patch_of(scene, large[static_cast<std::size_t>(i)], t.layer, t.node, i, o.patch, 96),
           scene.graph().layers[t.layer].spec.name, node_name(scene, t.layer, t.node)});
    }
    write_png(folder.claim("tree_" + std::to_string(i) + ".png"),
              render::beside(photo, render::grid(tiles, 5), 10, {255, 255, 255}));
  }
}

void write_synthesis(const Scene& scene,
                     const ShowOptions& o,
                     RunFolder& folder,
                     const RunContext& context) {
  // The second layer of the graph, as in the paper; the only one otherwise.
  const std::size_t layer = std::min<std::size_t>(1, scene.records.size() - 1);
  std::vector<render::Tile> tiles;
  const std::vector<Synthesis> made = synthesize(scene, layer, o.pictures, 0.1, context);
  for (std::size_t i = 0; i < made.size(); ++i) {
    for (const render::Image* image :
         {&scene.features.cuttings[i], &made[i].whole, &made[i].masked}) {
      tiles.push_back(
          {render::resize(*image, kLarge, kLarge, render::Resample::kBilinearPil), "", ""});
    }
  }
  const std::string name = scene.graph().layers[layer].spec.name;
  write_png(folder.claim("synthesis.png"),
            render::grid(tiles, 3, {"object", "all of " + name, "its best nodes"}));
}

}  // namespace

std::vector<render::Image> large_cuttings(const Scene& scene, std::int64_t count, int side) {
  std::vector<render::Image> large;
  for (std::int64_t i = 0; i < std::min(count, scene.images()); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const ObjectEntry& object = scene.features.objects[at];
    const bool mirrored = !scene.mirror.empty() && scene.mirror[at] != 0;
    large.push_back(cut_out(read_image(object.path), object.box, side, side, mirrored));
  }
  return large;
}

render::Image patch_of(const Scene& scene,
                       const render::Image& large,
                       std::size_t layer,
                       std::int64_t node,
                       std::int64_t picture,
                       double patch,
                       int size) {
  return patch_at(large, scene.side, scene.place(layer, node, picture), patch, size);
}

render::Image patch_at(
    const render::Image& large, int picture_side, const PixelPoint& at, double patch, int size) {
  const double scale = static_cast<double>(large.width) / picture_side;
  const int side =
      std::clamp(static_cast<int>(std::lround(patch * large.width / 224)), 1, large.width);
  // Near the border the square is moved inside: a smaller one would show another scale.
  const auto start = [&](double v) {
    return std::clamp(static_cast<int>(std::lround((v + 0.5) * scale)) - side / 2, 0,
                      large.width - side);
  };
  const render::Rect where{start(at.w), start(at.h), side, side};
  return render::resize(render::crop(large, where), size, size, render::Resample::kBilinearPil);
}

void write_pictures(const Scene& scene,
                    const ShowOptions& o,
                    RunFolder& folder,
                    const RunContext& context) {
  const std::vector<render::Image> large = large_cuttings(scene, scene.images(), kLarge);
  write_patches(scene, large, o, folder);
  write_heat(scene, large, o, folder);
  write_trees(scene, large, o, folder);
  write_synthesis(scene, o, folder, context);
  files::write_file_atomically(folder.claim("graph.dot"), graph_dot(scene.graph(), o.page_nodes));
  files::write_file_atomically(folder.claim("graph.html"), graph_page(scene, large, o));
}

}  // namespace cutaway::explain
