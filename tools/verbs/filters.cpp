#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "explain/pictures/write_image.h"
#include "explain/runs/load_network.h"
#include "explain/units/run/units_run.h"
#include "explain/visualize/filters.h"
#include "runtime/error.h"
#include "runtime/files/output_check.h"
#include "tools/verbs/verbs.h"

namespace cutaway::tools {

using namespace explain;
namespace {

struct Options {
  std::string model, layer, out, scale{"each"};
  std::vector<std::string> data;
  int magnify{6};
  bool overwrite{false};
};

/// Filters whose rectified answer is 0 on all of the data (the "dead" ones of Zeiler & Fergus 2013,
/// figure 6); empty without data.
std::vector<bool> silent_filters(const Options& o,
                                 NodeId conv,
                                 const weights::Package& package,
                                 const Context& context) {
  if (o.data.empty()) return {};
  const Graph& graph = package.model.graph;
  NodeId node = conv;
  const auto follow = [&](LayerKind kind) {
    const auto& readers = graph.node(node).consumers;
    if (readers.size() == 1 && graph.node(readers[0]).layer->kind() == kind) node = readers[0];
  };
  follow(LayerKind::kBatchNorm);
  follow(LayerKind::kRelu);
  UnitsJob job;
  job.data = o.data;
  job.layers = {graph.node(node).name};
  job.top = 1;
  const UnitSearch found = find_units(job, package, context.run());
  std::vector<bool> silent;
  for (std::int64_t k = 0; k < found.layers.front().best.maps(); ++k) {
    const auto best = found.layers.front().best.of(k);
    silent.push_back(best.empty() || !(best.front().value > 0.0f));
  }
  return silent;
}

int filters(const Options& o, const Context& context) {
  std::vector<std::string> reads = o.data;
  reads.push_back(o.model);
  files::check_outputs(
      {.reads = reads, .writes = {o.out}, .folders = {}, .overwrite = o.overwrite});
  const weights::Package package = load_network(o.model);
  const Graph& graph = package.model.graph;
  const NodeId node = o.layer.empty() ? first_convolution(graph) : graph.find(o.layer);
  if (graph.node(node).layer->kind() != LayerKind::kConv) {
    throw Error(ErrorKind::kUsage, "no convolution").at(graph.node(node).name);
  }
  const Tensor& weight = package.model.parameters.of(node)[0];
  const auto scale = o.scale == "each" ? FilterScale::kEach : FilterScale::kGlobal;
  const bool bgr = package.preprocess.order == weights::ColorOrder::kBgr;
  if (!o.out.empty()) write_png(o.out, draw_filters(weight, scale, o.magnify, bgr));
  auto reports = report_filters(weight);
  const std::vector<bool> silent = silent_filters(o, node, package, context);
  for (std::size_t i = 0; i < silent.size(); ++i) reports[i].dead = reports[i].dead || silent[i];
  std::array<double, 3> mean{};
  std::int64_t dead = 0;
  for (const auto& r : reports) {
    for (std::size_t b = 0; b < 3; ++b)
      mean[b] += r.spectrum[b] / static_cast<double>(reports.size());
    dead += r.dead ? 1 : 0;
  }
  if (context.common.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const auto& r = reports[i];
      rows.push_back({{"rms", r.rms}, {"dead", r.dead}, {"spectrum", r.spectrum}});
      if (!silent.empty()) rows.back()["silent"] = static_cast<bool>(silent[i]);
    }
    const nlohmann::ordered_json result{
        {"layer", graph.node(node).name}, {"dead", dead}, {"spectrum", mean}, {"filters", rows}};
    std::printf("%s\n", result.dump(2).c_str());
    return kExitOk;
  }
  std::printf(
      "%s: %zu filters, %lld dead; energy below 1/8, to 1/4, above (cycles a pixel): %.1f, %.1f, "
      "%.1f %%\n",
      graph.node(node).name.c_str(), reports.size(), static_cast<long long>(dead), 100.0 * mean[0],
      100.0 * mean[1], 100.0 * mean[2]);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& r = reports[i];
    std::printf("%4zu  rms %.5f  %5.1f %5.1f %5.1f %%%s\n", i, r.rms, 100.0 * r.spectrum[0],
                100.0 * r.spectrum[1], 100.0 * r.spectrum[2], r.dead ? "  dead" : "");
  }
  return kExitOk;
}

}  // namespace

void add_filters(Command& program, Context& context) {
  auto o = std::make_shared<Options>();
  Command& verb =
      program.add_subcommand("filters", "First-layer filters as a picture; dead ones, spectra");
  verb.footer(
      "Dead: a root mean square below 5 % of the median, or no answer above 0 on all of --data.\n"
      "example: cutaway filters googlenet.h5 --out filters.png");
  verb.add_option("model", o->model, "a Cutaway package").required();
  verb.add_option("--layer", o->layer, "convolution (default: the first that reads the pixels)");
  verb.add_option("--out", o->out, "PNG file");
  verb.add_flag("--overwrite", o->overwrite, "replace an existing file");
  verb.add_option("--data", o->data, "pictures to look for filters that never answer");
  verb.add_option("--scale", o->scale, "each: a filter's own scale; global: one for all")
      .check(one_of({"each", "global"}))
      .capture_default_str();
  verb.add_option("--magnify", o->magnify, "pixels a weight")
      .check(range(1, 64))
      .capture_default_str();
  verb.callback([o, &context] { context.action = [o, &context] { return filters(*o, context); }; });
}

}  // namespace cutaway::tools
