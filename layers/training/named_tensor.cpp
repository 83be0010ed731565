#include "layers/training/named_tensor.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway {

void copy_named(std::span<const NamedTensor> from, std::string_view name, Tensor& to) {
  const auto found = std::ranges::find(from, name, &NamedTensor::name);
  if (found == from.end())
    throw Error(ErrorKind::kInput, "the training state lacks a tensor").at(std::string(name));
  if (!(found->tensor.shape() == to.shape())) {
    throw Error(ErrorKind::kInput, "shape of a tensor of the training state")
        .at(std::string(name))
        .expected(to_string(to.shape()))
        .got(to_string(found->tensor.shape()));
  }
  copy_bytes(to.ref().data(), to.device(), found->tensor.ref().data(), found->tensor.device(),
             to.bytes());
}

}  // namespace cutaway
