// HDF5 files that cannot be written, and damage that only a reader's own way through them meets.
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "tests/support/source_dir.h"
#include "tests/weights/scratch.h"
#include "weights/hdf5_file.h"
#include "weights/hdf5_output.h"
#include "weights/hdf5_vet.h"
#include "weights/import/formats.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

/// What `work` returns in a child process that may write files of `bytes` bytes, and that ends as a
/// program does, through its exit handlers; -1 where a signal ended it.
template <class Work>
int in_child(rlim_t bytes, const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    (void)::setrlimit(RLIMIT_FSIZE, &limit);
    std::exit(work());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// 7 where `write` throws what a full disk is (kInternal, with the system's words).
template <class Write>
int verdict(const Write& write) {
  try {
    write();
  } catch (const Error& error) {
    const bool said = std::string(error.what()).find("File too large") != std::string::npos;
    return error.kind() == ErrorKind::kInternal && said ? 7 : 8;
  }
  return 9;
}

void write_many(const std::string& path) {
  Hdf5File file = Hdf5File::create(path);
  const std::vector<float> values(1000, 1.5f);
  const std::vector<std::int64_t> dims{1000};
  for (int i = 0; i < 40; ++i) {
    file.write_f32("/group/" + std::to_string(i), dims, values);
    file.write_attribute("/group", "a" + std::to_string(i), std::string(100, 'x'));
  }
  file.write_text("/text", std::string(2000, 't'));
  file.close();
}

void write_pieces(const std::string& path) {
  hdf5::OutputFile file(path);
  {
    const hdf5::Session session;
    hdf5::Storage storage{};
    storage.type = H5T_IEEE_F32LE;
    storage.extents = {64, 100};
    storage.chunk = {4, 100};
    storage.cache_slots = 3;
    storage.cache_bytes = 4000;
    storage.deflate = 1;
    const hdf5::Handle set = hdf5::make_dataset(file.get(), "x", storage);
    for (std::int64_t n = 0; n < 64; ++n) {
      std::vector<float> row(100);
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] = static_cast<float>(n) * 1.37f + static_cast<float>(i * i % 97);
      hdf5::Block block{};
      block.start[0] = n;
      block.count[0] = 1;
      if (!hdf5::write_block(set.get(), block, H5T_NATIVE_FLOAT, row.data())) file.fail("x");
    }
  }
  file.close();
}

std::string damaged(const std::string& from,
                    const std::vector<std::pair<std::size_t, int>>& bytes) {
  std::string content = read_file(source_dir() + "/tests/golden/" + from);
  for (const auto& [at, value] : bytes) content[at] = static_cast<char>(value);
  return content;
}

}  // namespace

TEST_CASE("an HDF5 file that the disk does not take is one error, and the process ends well") {
  const Scratch scratch;
  write_many(scratch.path("whole"));
  write_pieces(scratch.path("pieces"));
  const auto size = static_cast<rlim_t>(read_file(scratch.path("whole")).size());
  for (rlim_t k = 0; k < 16; ++k) {
    CHECK(in_child(size * k / 16,
                   [&] { return verdict([&] { write_many(scratch.path("a")); }); }) == 7);
  }
  const auto pieces = static_cast<rlim_t>(read_file(scratch.path("pieces")).size());
  for (rlim_t k = 0; k < 16; ++k) {
    CHECK(in_child(pieces * k / 16,
                   [&] { return verdict([&] { write_pieces(scratch.path("b")); }); }) == 7);
  }
  // And left without close(), as where something else fails.
  CHECK(in_child(600, [&] {
          try {
            Hdf5File file = Hdf5File::create(scratch.path("c"));
            file.write_attribute("/", "a", std::string(5000, 'x'));
          } catch (const Error&) {
            return 7;
          }
          return 7;
        }) == 7);
}

TEST_CASE("what is written through our own driver is what HDF5's would write") {
  const Scratch scratch;
  write_many(scratch.path("a"));
  write_many(scratch.path("b"));
  CHECK(read_file(scratch.path("a")) == read_file(scratch.path("b")));
  const Hdf5File file = Hdf5File::open(scratch.path("a"));
  CHECK(file.read_f32("/group/39", 1000) == std::vector<float>(1000, 1.5f));
  CHECK(file.read_text("/text", 5000) == std::string(2000, 't'));
}

TEST_CASE("the checking process does what the reader will do") {
  const Scratch scratch;
  write_many(scratch.path("a"));
  CHECK_NOTHROW(vet_hdf5(scratch.path("a"), {}, [] {}));
  CHECK_NOTHROW(vet_hdf5(scratch.path("a"), {}, [] { throw Error(ErrorKind::kInput, "passed"); }));
  const std::string crash =
      message_of([&] { vet_hdf5(scratch.path("a"), {}, [] { std::abort(); }); });
  CHECK(crash.find("crashes or stalls the HDF5 library") != std::string::npos);
}

TEST_CASE("damage that crashed the reader behind the check is an error") {
  // Found by damaging files (tests/hostile/damaged.py): segment faults, all of them.
  struct Row {
    const char* file;
    std::vector<std::pair<std::size_t, int>> bytes;
  };
  const std::vector<Row> rows{{"keras/sequential.h5", {{901, 35}, {912, 46}, {923, 40}, {931, 65}}},
                              {"import/simple73.mat", {{14063, 254}}}};
  for (const Row& row : rows) {
    const Scratch scratch;
    const std::string name = row.file;
    const std::string victim = scratch.path("victim" + name.substr(name.find('.')));
    write_file(victim, damaged(name, row.bytes));
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        (void)open_source({victim});
      } catch (const Error& error) {
        // What is read of it may also be no net that can be read.
        const bool said =
            error.kind() == ErrorKind::kInput || error.kind() == ErrorKind::kUnsupported;
        ::_exit(said ? 7 : 8);
      }
      ::_exit(9);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO(name);
    CHECK(WIFEXITED(status));
    CHECK((WEXITSTATUS(status) == 7 || WEXITSTATUS(status) == 9));
  }
}
