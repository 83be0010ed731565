#include "weights/import/file_digest.h"

#include <libdeflate.h>

#include <algorithm>

#include "runtime/error.h"
#include "weights/import/binary_file.h"
#include "weights/sha256.h"

namespace cutaway::weights {
namespace {

// Bytes read at a time: they stay in a processor's cache for the second sum.
constexpr std::uint64_t kPiece = std::uint64_t{1} << 18;

/// The sums of parts in the order of the file, fed with all of the file.
class Sums {
 public:
  Sums(const std::string& path, std::vector<StoredSum> sums) : path_(path), sums_(std::move(sums)) {
    std::erase_if(sums_, [](const StoredSum& s) { return s.crc == 0; });
    std::sort(sums_.begin(), sums_.end(), [](const StoredSum& a, const StoredSum& b) {
      return a.offset < b.offset || (a.offset == b.offset && a.bytes < b.bytes);
    });
  }

  void add(std::uint64_t at, std::span<const std::byte> piece) {
    while (next_ < sums_.size()) {
      const StoredSum& sum = sums_[next_];
      const std::uint64_t from = sum.offset + done_;
      check(from >= at, "parts of a file that overlap");
      const std::uint64_t end = at + piece.size();
      if (from > end || (from == end && sum.bytes > 0)) return;
      const std::uint64_t take = std::min(end - from, sum.bytes - done_);
      crc_ = libdeflate_crc32(crc_, piece.data() + (from - at), take);
      done_ += take;
      if (done_ < sum.bytes) return;
      if (crc_ != sum.crc) fail("member " + sum.name + " is damaged: its checksum does not match");
      ++next_;
      done_ = 0;
      crc_ = 0;
    }
  }

  void finish() const {
    if (next_ < sums_.size()) fail("member " + sums_[next_].name + " lies outside of the file");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(path_);
  }

  const std::string& path_;
  std::vector<StoredSum> sums_;
  std::size_t next_{0};
  std::uint64_t done_{0};  // bytes of the next part that were added
  std::uint32_t crc_{0};
};

void wait_for(const std::atomic<std::uint64_t>& until, std::uint64_t bytes) {
  for (std::uint64_t now = until.load(); now < bytes; now = until.load()) {
    if (now == 0) throw Error(ErrorKind::kInput, "the digest was given up");
    until.wait(now);
  }
}

}  // namespace

std::string digest_of_file(const std::string& path,
                           std::vector<StoredSum> stored,
                           const std::atomic<std::uint64_t>* until) {
  const BinaryFile file = BinaryFile::open(path);
  Sums sums(path, std::move(stored));
  Sha256 digest;
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(kPiece, file.size())));
  for (std::uint64_t at = 0; at < file.size(); at += bytes.size()) {
    const auto piece = std::span(bytes).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), file.size() - at)));
    if (until != nullptr) wait_for(*until, at + piece.size());
    file.read_at(at, piece);
    digest.update(piece);
    sums.add(at, piece);
  }
  sums.finish();
  return digest.finish();
}

}  // namespace cutaway::weights
