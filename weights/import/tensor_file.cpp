#include "weights/import/tensor_file.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway::weights {

void read_tensor(const BinaryFile& file, const TensorPlace& place, std::span<float> to) {
  const std::size_t size = size_of(place.type);
  if (size == 0) {
    throw Error(ErrorKind::kUnsupported, "a tensor of an unknown element type").at(file.path());
  }
  if (place.type == ElementType::kF32) {
    file.read_at(place.offset, std::as_writable_bytes(to));
    return;
  }
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::vector<std::byte> bytes(std::min(kChunk, to.size() * size));
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / size);
  for (std::size_t at = 0; at < to.size(); at += step) {
    const std::span<float> part = to.subspan(at, std::min(step, to.size() - at));
    const std::span<std::byte> chunk = std::span(bytes).first(part.size() * size);
    file.read_at(place.offset + at * size, chunk);
    to_f32(place.type, chunk, part);
  }
}

std::function<void(std::size_t, std::span<float>)> tensor_reader(
    std::shared_ptr<const BinaryFile> file, std::vector<TensorPlace> places) {
  return [file = std::move(file), places = std::move(places)](std::size_t i, std::span<float> to) {
    read_tensor(*file, places.at(i), to);
  };
}

}  // namespace cutaway::weights
