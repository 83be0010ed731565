// Runs the fuzz targets without libFuzzer: every seed as it is, then mutations of seeds that are
// the same in every run, until the time is up. What a target may answer with is an Error, which it
// catches; anything else ends this program. Under the sanitizers of the dev preset it is a short
// fuzzing run that needs no clang.
//
//   fuzz_replay SECONDS TARGET SEED... [-- TARGET SEED...]...

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_targets.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMostBytes = 1 << 16;

Bytes read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "fuzz_replay: no file %s\n", path);
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

class Mutator {
 public:
  explicit Mutator(std::vector<Bytes> seeds) : seeds_(std::move(seeds)) {}

  Bytes next() {
    Bytes bytes = seeds_[below(seeds_.size())];
    for (std::size_t edits = 1 + below(6); edits > 0 && !bytes.empty(); --edits) edit(bytes);
    if (bytes.size() > kMostBytes) bytes.resize(kMostBytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void edit(Bytes& bytes) {
    const std::size_t at = below(bytes.size());
    const auto place = [&](std::size_t i) {
      return bytes.begin() + static_cast<std::ptrdiff_t>(i);
    };
    const std::size_t length = 1 + below(std::min<std::size_t>(32, bytes.size() - at));
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(random_());
        break;
      case 2: {  // a number that is often too large
        constexpr std::uint8_t kExtremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        std::fill_n(place(at), static_cast<std::ptrdiff_t>(std::min<std::size_t>(length, 8)),
                    kExtremes[below(5)]);
        break;
      }
      case 3:
        bytes.erase(place(at), place(at + length));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5: {  // a stretch twice
        const Bytes part(place(at), place(at + length));
        bytes.insert(place(below(bytes.size())), part.begin(), part.end());
        break;
      }
      default: {  // a stretch of another seed
        const Bytes& other = seeds_[below(seeds_.size())];
        if (other.empty()) break;
        const std::size_t from = below(other.size());
        const std::size_t count = std::min({length, other.size() - from, bytes.size() - at});
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from), count, place(at));
      }
    }
  }

  std::vector<Bytes> seeds_;
  std::mt19937_64 random_{1};
};

void run(const char* name, double seconds, const std::vector<Bytes>& seeds) {
  using Clock = std::chrono::steady_clock;
  const fuzz_targets::Target* target = fuzz_targets::find(name);
  if (target == nullptr || seeds.empty()) {
    std::fprintf(stderr, "fuzz_replay: no target '%s', or no seeds for it\n", name);
    std::exit(2);
  }
  for (const Bytes& seed : seeds) (void)target->run(seed.data(), seed.size());
  Mutator mutator(seeds);
  const auto start = Clock::now();
  long runs = 0;
  double longest = 0, passed = 0;
  Bytes slowest;
  for (; passed < seconds; ++runs) {
    const Bytes bytes = mutator.next();
    const double before = passed;
    (void)target->run(bytes.data(), bytes.size());
    passed = std::chrono::duration<double>(Clock::now() - start).count();
    if (passed - before > longest) slowest = bytes;
    longest = std::max(longest, passed - before);
  }
  std::printf("%-16s %zu seeds, %ld mutations, the slowest took %.3f s\n", name, seeds.size(), runs,
              longest);
  // For a look at an input that takes too long: FUZZ_SLOWEST names a folder.
  const char* folder = std::getenv("FUZZ_SLOWEST");
  if (folder == nullptr) return;
  std::ofstream(std::string(folder) + "/" + name, std::ios::binary)
      .write(reinterpret_cast<const char*>(slowest.data()),
             static_cast<std::streamsize>(slowest.size()));
}

}  // namespace

int main(int count, char** words) {
  const double seconds = count > 1 ? std::atof(words[1]) : 0;
  for (int i = 2; i < count;) {
    const char* name = words[i++];
    std::vector<Bytes> seeds;
    for (; i < count && std::strcmp(words[i], "--") != 0; ++i) seeds.push_back(read_file(words[i]));
    run(name, seconds, seeds);
    ++i;
  }
  return count > 2 ? 0 : 2;
}
