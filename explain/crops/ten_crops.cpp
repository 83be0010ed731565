#include "explain/crops/ten_crops.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array<std::string_view, 3> kNames{"matlab", "pycaffe", "torchvision"};

int middle(int frame, int size, CropOrder order) {
  const int room = frame - size;
  switch (order) {
    case CropOrder::kMatlab:
      return (room + 1) / 2;
    case CropOrder::kPycaffe:
      return room / 2;
    case CropOrder::kTorchvision:
      return room / 2 + (room % 4 == 3 ? 1 : 0);  // a half goes to the even neighbour
  }
  throw Error(ErrorKind::kInternal, "unknown order of crops");
}

}  // namespace

std::vector<CropWindow> ten_crops(int frame, int size, CropOrder order) {
  if (size < 1 || size > frame) {
    throw Error(ErrorKind::kShape, "ten crops")
        .expected("crops no larger than the frame of " + std::to_string(frame))
        .got(std::to_string(size));
  }
  const int far = frame - size;
  const int mid = middle(frame, size, order);
  std::vector<CropWindow> all;
  if (order == CropOrder::kMatlab) {
    all = {{0, 0}, {0, far}, {far, 0}, {far, far}, {mid, mid}};
  } else {
    all = {{0, 0}, {far, 0}, {0, far}, {far, far}, {mid, mid}};
  }
  for (std::size_t i = 0; i < 5; ++i) {
    const bool of_mirror = order == CropOrder::kTorchvision;
    all.push_back({of_mirror ? far - all[i].x : all[i].x, all[i].y, true});
  }
  return all;
}

Image cut_crop(const Image& frame, const CropWindow& window, int size) {
  Image cut = crop(frame, {window.x, window.y, size, size});
  if (!window.mirrored) return cut;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size / 2; ++x) {
      const Rgb left = cut.at(x, y);
      cut.set(x, y, cut.at(size - 1 - x, y));
      cut.set(size - 1 - x, y, left);
    }
  }
  return cut;
}

std::string to_string(CropOrder order) {
  return std::string(kNames[static_cast<std::size_t>(order)]);
}

CropOrder parse_crop_order(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<CropOrder>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown order of crops")
      .expected("matlab, pycaffe or torchvision")
      .got("'" + std::string(name) + "'");
}

}  // namespace cutaway::explain
