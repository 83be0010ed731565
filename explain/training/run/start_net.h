#pragma once

#include <optional>
#include <string>

#include "explain/training/data/labelled.h"
#include "explain/training/data/survey.h"
#include "layers/training/head.h"
#include "weights/net_edit.h"
#include "weights/package.h"

namespace cutaway::training {

/// Which net a training begins with.
struct NetRequest {
  /// A zoo name, a package (*.h5: its weights are kept), or a net file (weights/net_file.h).
  std::string net;
  std::optional<HeadKind> head;  ///< a new end for the data's classes
  std::string from;              ///< layer that the new head reads; empty: HeadOptions::from
  float dropout{0.0f};           ///< of the new head
  weights::NetEdit edit;  ///< before the new head; not of packages, whose weights would not fit
};

/// The height of the net's input, for data that is rendered for it. Throws as start_net does.
[[nodiscard]] std::int64_t input_height(const NetRequest& request);

/// The net with its first parameters, and how pictures become its input. A net file without
/// "preprocess" warps pictures to its input and normalises them by the survey's mean and deviation.
/// Throws kUsage for unknown names, kInput for what cannot be read and where the classes are not as
/// many as the data's, kShape, naming the picture, where pictures of the survey do not fit.
[[nodiscard]] weights::Package start_net(const NetRequest& request,
                                         const LabelledSet& set,
                                         const Survey& survey,
                                         InitialWeights initial,
                                         std::uint64_t seed);

}  // namespace cutaway::training
