#pragma once

#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/import/source.h"

namespace cutaway::weights {

/// Names under which torchvision's state dict may hold the parameters of each node of `graph`:
/// module paths ("layer1.0.conv1", "features.0"), best first. They come from
///   - the names of nodes and their aliases, '/' read as '.';
///   - numbering as nn.Sequential does it, for nets that are one chain (AlexNet, VGG): "features.K"
///     up to the flattening, "classifier.K" behind it, every convolution, normalisation, ReLU,
///     pooling, dropout and fully connected layer counted;
///   - a table for SqueezeNet with Caffe's names, chosen by `architecture`.
[[nodiscard]] std::vector<std::vector<std::string>> torch_module_names(
    const Graph& graph, const std::string& architecture);

/// Makes `source` bind as a PyTorch state dict: <module>.weight, .bias, .running_mean,
/// .running_var. A prefix that all tensors share ("module.", "model.", "state_dict.") is skipped;
/// counters of batches and the auxiliary heads of GoogLeNet are exempt. `wrapper` is put before
/// every name ("state_dict."), and `unused` joins the exemptions.
void bind_torch_names(Source& source,
                      const std::string& wrapper = {},
                      std::vector<Exemption> unused = {});

}  // namespace cutaway::weights
