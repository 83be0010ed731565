#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "explain/session.h"

namespace cutaway::explain {

/// What a process that explains one image takes of memory, in bytes, known before anything is run. An upper
/// bound where an engine is chosen by its speed; what is really taken stays within half as much
/// again (held in tests).
struct MemoryPromise {
  std::string method;
  std::size_t program{std::size_t{64} << 20U};  ///< and its libraries
  std::size_t parameters{0};                    ///< of the net
  std::size_t transforms{0};                    ///< copies of them in the forms that engines want
  std::size_t passes{0};   ///< activations and gradients of the image's own passes
  std::size_t samples{0};  ///< of those over inputs that the method makes, as many at a time
  [[nodiscard]] std::size_t total() const {
    return program + parameters + transforms + passes + samples;
  }
};

/// Of one method with its default options, on the CPU. Throws as Session does where the method does
/// not suit the net.
[[nodiscard]] MemoryPromise promised_memory(const Graph& graph,
                                            const std::string& method,
                                            const Session::Options& options = {});

/// Of every method that suits the net, in the order of method_names().
[[nodiscard]] std::vector<MemoryPromise> promised_memory(const Graph& graph,
                                                         const Session::Options& options = {});

/// The largest batch, `most` or a half, quarter ... of it, whose activations with a gradient fit
/// `budget` bytes; at least 1.
[[nodiscard]] std::int64_t batch_within(const Graph& graph, std::int64_t most, std::size_t budget);

}  // namespace cutaway::explain
