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

TensorPlace later(const TensorPlace& place, std::int64_t first) {
  return {place.offset + static_cast<std::uint64_t>(first) * size_of(place.type), place.type};
}

void read_from(Source& source,
               std::shared_ptr<const BinaryFile> file,
               std::vector<TensorPlace> places) {
  const auto shared = std::make_shared<const std::vector<TensorPlace>>(std::move(places));
  source.read = [file, shared](std::size_t i, std::span<float> to) {
    read_tensor(*file, shared->at(i), to);
  };
  source.read_part = [file, shared](std::size_t i, std::int64_t first, std::span<float> to) {
    read_tensor(*file, later(shared->at(i), first), to);
    return true;
  };
}

}  // namespace cutaway::weights
