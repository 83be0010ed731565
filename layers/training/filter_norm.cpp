#include "layers/training/filter_norm.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/update.h"
#include "runtime/error.h"

namespace cutaway {

std::int64_t renormalize_filters(Stream& stream,
                                 const Graph& graph,
                                 Parameters& parameters,
                                 double radius,
                                 std::span<const NodeId> frozen) {
  if (!(radius > 0.0))
    throw Error(ErrorKind::kUsage, "radius of filters")
        .expected("above 0")
        .got(std::to_string(radius));
  const Device device = device_of(stream);
  std::vector<Tensor> marks;  // by filter: 1 where it was scaled
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() != LayerKind::kConv) continue;
    if (std::ranges::find(frozen, id) != frozen.end()) continue;
    Tensor& weight = parameters.of(id)[0];
    check(weight.device() == device, "parameters on the stream's device");
    const Shape& s = weight.shape();
    Tensor& mark = marks.emplace_back(device, DType::kI32, Shape{1, s.n, 1, 1});
    kernels::run(stream,
                 kernels::RenormalizeFilters{weight.ref().out().data, s.n, s.c * s.plane(), radius,
                                             static_cast<std::int32_t*>(mark.ref().data())});
  }
  synchronize(stream);
  std::int64_t scaled = 0;
  for (const Tensor& mark : marks) {
    const Tensor here = to_device(mark, kCpuDevice);
    const auto* values = static_cast<const std::int32_t*>(here.ref().data());
    scaled += std::count(values, values + here.shape().c, 1);
  }
  if (scaled > 0) parameters.touch();
  return scaled;
}

}  // namespace cutaway
