#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/shape.h"
#include "weights/import/caffe/caffe_layers.h"
#include "weights/import/caffe/text_message.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

/// One layer of a prototxt, before anything is built. `message` must outlive it.
struct CaffeDescription {
  const TextMessage* message{};
  std::string name, type;
  std::vector<std::string> bottoms, tops;
};

/// The net of the TEST phase as its prototxt lists it.
struct CaffeNet {
  Shape input{};
  /// Those that the output depends on, in order; no data layers.
  std::vector<CaffeDescription> layers;
  std::set<std::string> input_blobs;     ///< names of the input
  std::set<std::string> labels;          ///< blobs that only training needs
  std::vector<std::string> left_out;     ///< layers that the output does not depend on
  std::optional<Preprocess> preprocess;  ///< of a data layer
  CaffeComplaints complaints;
};

/// Reads the list of layers, finds the input and leaves out what the output (the last layer but for
/// Accuracy and Silence) does not depend on. `channels`: of the input, where the file leaves that
/// open; 0: not known. Throws kInput and kUnsupported as caffe_graph does.
[[nodiscard]] CaffeNet caffe_net(const TextMessage& net,
                                 const std::string& file,
                                 std::int64_t channels = 0);

/// Throws kUnsupported with all complaints, if there are any.
void stop_on(const CaffeComplaints& complaints, const std::string& file);

}  // namespace cutaway::weights
