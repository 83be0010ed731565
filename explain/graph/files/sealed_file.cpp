#include "explain/graph/files/sealed_file.h"

#include <array>
#include <fstream>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/xxh64.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kBlock = 512;

std::string first_lines(const Seal& seal) {
  return std::string(seal.magic) + "\nformat " + std::to_string(seal.version) + "\n";
}

/// The user block that belongs to the bytes behind it.
std::string user_block(const std::string& path, const Seal& seal) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(kBlock);
  weights::Xxh64 hash;
  std::uint64_t bytes = kBlock;
  std::array<char, 1 << 16> part{};
  while (file.read(part.data(), part.size()), file.gcount() > 0) {
    const auto got = static_cast<std::size_t>(file.gcount());
    hash.update(std::as_bytes(std::span(part.data(), got)));
    bytes += got;
  }
  if (file.bad()) throw Error(ErrorKind::kInput, "the file cannot be read").at(path);
  std::string text = first_lines(seal) + "bytes " + std::to_string(bytes) + "\nxxh64 " +
                     weights::hex(hash.digest()) + "\n";
  text.resize(kBlock, ' ');
  text.back() = '\n';
  return text;
}

}  // namespace

void write_sealed(const std::string& path,
                  const Seal& seal,
                  const std::function<void(weights::Hdf5File&)>& write) {
  files::AtomicFile target(path);
  weights::Hdf5File file = weights::Hdf5File::create(target.temporary(), kBlock);
  write(file);
  file.close();
  const std::string block = user_block(target.temporary(), seal);
  target.write_at(0, std::as_bytes(std::span(block)));
  target.commit();
}

bool is_sealed(const std::string& path, const Seal& seal) noexcept {
  try {
    std::ifstream file(path, std::ios::binary);
    std::string start(seal.magic.size(), '\0');
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    return file && start == seal.magic;
  } catch (...) {
    return false;
  }
}

weights::Hdf5File open_sealed(const std::string& path, const Seal& seal) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::kInput, "the file cannot be opened").at(path);
  std::string found(kBlock, '\0');
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  if (!is_sealed(path, seal)) {
    throw Error(ErrorKind::kInput, "not a '" + std::string(seal.magic) + "' file").at(path);
  }
  if (!found.starts_with(first_lines(seal))) {
    throw Error(ErrorKind::kInput, "format version of the file")
        .at(path)
        .expected(std::to_string(seal.version))
        .hint("it comes from another version of this program");
  }
  if (found != user_block(path, seal)) {
    throw Error(ErrorKind::kInput, "the file is damaged or cut short: its checksum does not match")
        .at(path)
        .hint("copy or make it again");
  }
  return weights::Hdf5File::open(path);
}

}  // namespace cutaway::explain
