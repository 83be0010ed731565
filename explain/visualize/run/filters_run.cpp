#include "explain/visualize/run/filters_run.h"

#include "explain/pictures/write_image.h"
#include "explain/runs/load_network.h"
#include "explain/units/run/units_run.h"
#include "runtime/error.h"
#include "runtime/files/output_check.h"

namespace cutaway::explain {
namespace {

/// Where the rectified answers of a convolution are: behind the normalisation and the ReLU that
/// alone read it.
NodeId rectified(const Graph& graph, NodeId conv) {
  NodeId node = conv;
  const auto follow = [&](LayerKind kind) {
    const auto& readers = graph.node(node).consumers;
    if (readers.size() == 1 && graph.node(readers[0]).layer->kind() == kind) node = readers[0];
  };
  follow(LayerKind::kBatchNorm);
  follow(LayerKind::kRelu);
  return node;
}

std::vector<bool> silent_filters(const FiltersJob& job,
                                 NodeId conv,
                                 const weights::Package& package,
                                 const RunContext& context) {
  if (job.data.empty()) return {};
  const Graph& graph = package.model.graph;
  UnitsJob search;
  search.data = job.data;
  search.layers = {graph.node(rectified(graph, conv)).name};
  search.top = 1;
  const UnitSearch found = find_units(search, package, context);
  std::vector<bool> silent;
  for (std::int64_t k = 0; k < found.layers.front().best.maps(); ++k) {
    const auto best = found.layers.front().best.of(k);
    silent.push_back(best.empty() || !(best.front().value > 0.0f));
  }
  return silent;
}

}  // namespace

FiltersSummary run_filters(const FiltersJob& job, const RunContext& context) {
  std::vector<std::string> reads = job.data;
  reads.push_back(job.model);
  files::check_outputs(
      {.reads = reads, .writes = {job.out}, .folders = {}, .overwrite = job.overwrite});
  const weights::Package package = load_network(job.model);
  const Graph& graph = package.model.graph;
  const NodeId node = job.layer.empty() ? first_convolution(graph) : graph.find(job.layer);
  if (graph.node(node).layer->kind() != LayerKind::kConv) {
    throw Error(ErrorKind::kUsage, "no convolution").at(graph.node(node).name);
  }
  const Tensor& weight = package.model.parameters.of(node)[0];
  const bool bgr = package.preprocess.order == weights::ColorOrder::kBgr;
  if (!job.out.empty()) write_png(job.out, draw_filters(weight, job.scale, job.magnify, bgr));
  FiltersSummary s;
  s.layer = graph.node(node).name;
  s.filters = report_filters(weight);
  s.silent = silent_filters(job, node, package, context);
  for (std::size_t i = 0; i < s.silent.size(); ++i)
    s.filters[i].dead = s.filters[i].dead || s.silent[i];
  for (const FilterReport& r : s.filters) {
    for (std::size_t b = 0; b < 3; ++b)
      s.spectrum[b] += r.spectrum[b] / static_cast<double>(s.filters.size());
    s.dead += r.dead ? 1 : 0;
  }
  return s;
}

}  // namespace cutaway::explain
