#pragma once

#include <string>
#include <vector>

#include "explain/pictures/write_image.h"
#include "runtime/philox.h"
#include "tests/tools/image_test_support.h"

// Pictures to train on in seconds.
namespace cutaway::explain::test {

/// 16 x 16 pixels of noise with a bar: class 0 lying, 1 standing, 2 both.
inline Image bars(int label, int number, int side = 16) {
  const Philox random{static_cast<std::uint64_t>(number), 77};
  Image image = make_image(side, side);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(random.word(i) % 90);
  const int row = 1 + static_cast<int>(random.word(9001) % static_cast<unsigned>(side - 2));
  const int column = 1 + static_cast<int>(random.word(9002) % static_cast<unsigned>(side - 2));
  for (int i = 0; i < side; ++i) {
    if (label != 1) image.set(i, row, {230, 240, 220});
    if (label != 0) image.set(column, i, {240, 220, 230});
  }
  return image;
}

inline const std::vector<std::string>& bar_names() {
  static const std::vector<std::string> names{"both", "lying", "standing"};
  return names;
}

/// DIR/CLASS/NUMBER.png; the classes in the order of their names are 2, 0, 1 of bars().
inline void make_bars(const std::string& folder, int each, int first = 0) {
  constexpr int kOf[]{2, 0, 1};
  for (std::size_t c = 0; c < 3; ++c) {
    fs::create_directories(fs::path(folder) / bar_names()[c]);
    for (int i = first; i < first + each; ++i) {
      write_image(folder + "/" + bar_names()[c] + "/" + std::to_string(1000 + i) + ".png",
                  bars(kOf[c], 10 * i + static_cast<int>(c)));
    }
  }
}

/// A net for them, as a person writes it.
inline constexpr const char* kBarNet = R"({
 "input": {"channels": 3, "height": 16, "width": 16},
 "nodes": [
  {"type": "conv", "channels": 8, "kernel": 3, "pad": 1, "bias": false},
  {"type": "batch_norm"},
  {"type": "relu"},
  {"type": "max_pool", "kernel": 2, "stride": 2},
  {"type": "conv", "channels": 12, "kernel": 3, "pad": 1},
  {"type": "relu"},
  {"type": "global_max_pool"},
  {"type": "dense", "name": "fc", "features": "classes"},
  {"type": "softmax"}
 ]
})";

}  // namespace cutaway::explain::test
