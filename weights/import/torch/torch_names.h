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
/// .running_var. Modules that only wrap others ("module" of DataParallel, "_orig_mod" of
/// torch.compile, ...) are passed over wherever they stand, and whatever stands before the names of
/// most parameters ("model.", "backbone.", "encoder_q.") before all of them. Counters of batches
/// and the auxiliary heads of GoogLeNet are exempt. Only names that begin with `wrapper`
/// ("state_dict.") are looked at, and `unused` joins the exemptions.
void bind_torch_names(Source& source,
                      const std::string& wrapper = {},
                      std::vector<Exemption> unused = {});

}  // namespace cutaway::weights
