#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "explain/visualize/run/settings.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What `cutaway visualize` is to do.
struct VisualizeJob {
  std::string model_path, out;
  std::vector<std::string> classes;  ///< numbers or names: their logits
  std::string layer;                 ///< of what follows
  /// Mean of a map or, when `neuron`, its unit at row, column (-1: centre).
  std::vector<std::int64_t> channels;
  bool neuron{false};
  std::int64_t row{-1}, column{-1};
  std::string direction;  ///< a text file: a number a channel of the layer
  double cosine_power{0.0};
  bool dream{false};                   ///< the layer's norm, from `picture` (or noise)
  std::string picture, guide, invert;  ///< files
  /// Of the picture's sides. 0: the net's own; in mode lucid 128 if that is smaller and the layers
  /// take it; for dreams the photograph's.
  std::int64_t size{0};
  std::int64_t variants{1};     ///< pictures that are to differ (diversity objective)
  double diversity{100.0};      ///< its weight, as in Lucid's notebook (Olah et al. 2017)
  std::int64_t zoom_frames{0};  ///< dreams: frames of an endless zoom
  double zoom_share{0.05};
  std::int64_t frame_every{0};  ///< 0: no frames
  bool gif{false}, raw{true};
  bool resume{false};     ///< go on where a run with the same job was stopped
  bool overwrite{false};  ///< the folder may hold another run
  AscentSettings settings;
};

struct VisualizeSummary {
  struct Picture {
    std::string name, file;
    std::int64_t width{0}, height{0};
    std::string size_from;  ///< who says so: "given", "Lucid's default", ...
    double first{0}, last{0};
    std::vector<std::string> notes;
    std::string doubt;  ///< why it shows nothing of what was asked for; empty: it does
  };
  std::vector<Picture> pictures;
  std::int64_t resumed{0};  ///< subjects whose pictures were there already
  std::string grid, manifest;
  double seconds{0};

  /// Every picture shows what was asked for.
  [[nodiscard]] bool clean() const;
};

/// Writes a PNG for every class, channel or whatever is asked for, the raw picture beside it (.npy,
/// as the net takes it), frames of the ascent in a folder and as a GIF if wanted, all pictures on
/// grid.png, index.jsonl (a line a subject, to go on from), and manifest.json last. Throws kUsage
/// when the folder holds another run or what is read.
[[nodiscard]] VisualizeSummary run_visualize(const VisualizeJob& job,
                                             const weights::Package& package,
                                             const RunContext& context);

}  // namespace cutaway::explain
