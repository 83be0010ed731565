#include "weights/checked_writer.h"

#include <algorithm>
#include <vector>

namespace cutaway::weights {

void CheckedWriter::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  file_.write_at(offset, bytes);
  if (offset < at_) {  // hashed as it was before: from the start, then
    hash_ = Xxh64();
    at_ = start_;
    return;
  }
  take_up_to(offset);
  hash_.update(bytes);
  at_ += bytes.size();
}

parts::Checked CheckedWriter::finish() {
  take_up_to(file_.size());
  return {at_, hash_.digest()};
}

void CheckedWriter::take_up_to(std::uint64_t end) {
  std::vector<std::byte> piece(
      static_cast<std::size_t>(std::min<std::uint64_t>(end - at_, std::uint64_t{1} << 18)));
  while (at_ < end) {
    const auto part = std::span(piece).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at_)));
    file_.read_at(at_, part);
    hash_.update(part);
    at_ += part.size();
  }
}

}  // namespace cutaway::weights
