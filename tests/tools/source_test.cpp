#include "explain/pictures/source.h"

#include <doctest/doctest.h>
#include <hdf5.h>
#include <unistd.h>

#include "tests/tools/image_test_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

std::vector<ImageEntry> all_of(ImageSource& source) {
  std::vector<ImageEntry> all;
  ImageEntry entry;
  while (source.next(entry)) all.push_back(entry);
  return all;
}

/// A pipe that holds `text` and is closed behind it.
struct Pipe {
  int fds[2]{};
  explicit Pipe(const std::string& text) {
    REQUIRE(pipe(fds) == 0);
    REQUIRE(write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    close(fds[1]);
  }
  ~Pipe() { close(fds[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

std::vector<std::string> names_on(const std::string& text, bool null_separated = false) {
  const Pipe pipe(text);
  const auto source = open_path_stream(pipe.fds[0], null_separated);
  std::vector<std::string> names;
  for (const ImageEntry& entry : all_of(*source))
    names.push_back(entry.error.empty() ? entry.name : "!" + entry.error);
  return names;
}

void write_hdf5(const std::string& path,
                const std::vector<hsize_t>& extents,
                hid_t type,
                const std::vector<hsize_t>& chunk,
                const std::vector<std::uint8_t>& bytes,
                const std::vector<std::int32_t>& labels,
                const char* name = "/images") {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  if (!chunk.empty()) {
    H5Pset_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(plist, 4);
  }
  const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (!bytes.empty()) H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
  if (!labels.empty()) {
    const hsize_t n = labels.size();
    const hid_t line = H5Screate_simple(1, &n, nullptr);
    const hid_t l =
        H5Dcreate2(file, "/labels", H5T_STD_I32LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(l, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels.data());
    H5Dclose(l);
    H5Sclose(line);
  }
  H5Dclose(set);
  H5Pclose(plist);
  H5Sclose(space);
  H5Fclose(file);
}

std::vector<std::uint8_t> ramp(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 % 251);
  return bytes;
}

}  // namespace

TEST_CASE("lists: other columns, plain text, labels behind names") {
  const Folder folder;
  put(folder / "l.csv", "file,label,expected,class\na.png,3,,dog\nb.png,,2,\n");
  std::vector<ImageEntry> all = read_image_list(folder / "l.csv");
  REQUIRE(all.size() == 2);
  CHECK(column_of(all[0], "class") == "dog");
  CHECK(column_of(all[0], "expected").empty());
  CHECK(column_of(all[1], "expected") == "2");
  put(folder / "l.txt", "# a comment\na.png\r\n\n my b.png\t7\nc 3.png\nlabel 12\n");
  all = read_image_list(folder / "l.txt");
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "a.png");
  CHECK(all[1].name == " my b.png");
  CHECK(all[1].label == 7);
  CHECK(all[2].name == "c 3.png");
  CHECK_FALSE(all[2].label.has_value());
  CHECK(all[3].label == 12);
  put(folder / "c.txt", "label,file\n1,a.png\n");  // CSV under another name
  all = read_image_list(folder / "c.txt");
  REQUIRE(all.size() == 1);
  CHECK(all[0].label == 1);
  for (const std::string& text :
       {std::string(), std::string("# nothing\n"), std::string("a\0b.png\n", 8),
        std::string("a.png 99999999999999999999\n")}) {
    put(folder / "bad.txt", text);
    CHECK(error_of([&] { (void)read_image_list(folder / "bad.txt"); }).kind() == ErrorKind::kInput);
  }
}

TEST_CASE("a list is checked to its end before anything is read") {
  const Folder folder;
  put(folder / "l.csv", "file,label\na.png,1\nb.png,x\n");
  const std::vector<std::string> inputs{folder / "l.csv"};
  const Error error = error_of([&] { (void)open_images(inputs); });
  CHECK(error.kind() == ErrorKind::kInput);
  CHECK(contains(error.what(), "l.csv:3"));
}

TEST_CASE("paths on standard input") {
  CHECK(names_on("a.png\nb c.png\r\n\nd.png") ==
        std::vector<std::string>{"a.png", "b c.png", "d.png"});
  CHECK(names_on(std::string("a\nb.png\0c.png\0", 14), true) ==
        std::vector<std::string>{"a\nb.png", "c.png"});
  CHECK(names_on("").empty());
  CHECK(names_on("\n\n").empty());
  const auto endless = names_on("a.png\n" + std::string(9000, 'x'));
  REQUIRE(endless.size() == 2);
  CHECK(contains(endless[1], "4096"));
  const auto nul = names_on(std::string("a\0b.png\nc.png\n", 14));
  REQUIRE(nul.size() == 2);
  CHECK(contains(nul[0], "NUL"));
  CHECK(nul[1] == "c.png");
  const std::vector<std::string> twice{"-", "-"};
  CHECK(error_of([&] { (void)open_images(twice); }).kind() == ErrorKind::kUsage);
}

TEST_CASE("inputs follow each other, and are counted where they can be") {
  const Folder folder;
  put(folder / "p/b.png", "x");
  put(folder / "p/a.png", "x");
  put(folder / "set/labels.csv", "file,label\nimages/q.png,4\n");
  put(folder / "set/masks/q.png", "x");
  const std::vector<std::string> inputs{folder / "p", folder / "set", folder / "p/b.png"};
  const auto source = open_images(inputs);
  CHECK(source->count() == 4);
  const auto all = all_of(*source);
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "a.png");
  CHECK(all[2].name == "images/q.png");  // the folder's list, not its masks
  CHECK(all[2].label == 4);
  CHECK(all[3].path == folder / "p/b.png");
}

TEST_CASE("HDF5 pictures: contiguous, chunked, grey; labels beside them") {
  const Folder folder;
  const auto bytes = ramp(5 * 4 * 6 * 3);
  write_hdf5(folder / "plain.h5", {5, 4, 6, 3}, H5T_STD_U8LE, {}, bytes, {0, 1, -1, 3, 4});
  write_hdf5(folder / "chunks.h5", {5, 4, 6, 3}, H5T_STD_U8LE, {2, 4, 6, 3}, bytes, {});
  for (const char* name : {"plain.h5", "chunks.h5"}) {
    const auto source = open_hdf5_images(folder / name);
    CHECK(source->count() == 5);
    const auto all = all_of(*source);
    REQUIRE(all.size() == 5);
    for (std::size_t n = 0; n < 5; ++n) {
      CHECK(all[n].error.empty());
      const Image image = read_entry(all[n]);
      CHECK((image.width == 6 && image.height == 4));
      CHECK(std::equal(image.rgb.begin(), image.rgb.end(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(72 * n)));
    }
    const bool labelled = std::string(name) == "plain.h5";
    CHECK(all[3].label.has_value() == labelled);
    CHECK_FALSE(all[2].label.has_value());
  }
  write_hdf5(folder / "gray.h5", {2, 3, 2}, H5T_STD_U8LE, {}, ramp(12), {});
  const auto gray = open_hdf5_images(folder / "gray.h5");
  const auto all = all_of(*gray);
  REQUIRE(all.size() == 2);
  CHECK(read_entry(all[0]).at(1, 0) == explain::Rgb{31, 31, 31});
  const auto lazy = open_hdf5_images(folder / "gray.h5");
  ImageEntry entry;
  REQUIRE(lazy->next(entry, false));
  CHECK(entry.stored == nullptr);
}

TEST_CASE("HDF5 that holds no pictures is refused, and so is one that promises more than it has") {
  const Folder folder;
  const auto refused = [&](const std::string& name, const std::string& part) {
    const Error error = error_of([&] { (void)open_hdf5_images(folder / name); });
    CAPTURE(std::string(error.what()));
    CHECK((error.kind() == ErrorKind::kInput || error.kind() == ErrorKind::kMemory));
    CHECK(contains(error.what(), part));
  };
  write_hdf5(folder / "float.h5", {2, 3, 3, 3}, H5T_IEEE_F32LE, {}, {}, {});
  refused("float.h5", "float32");
  write_hdf5(folder / "two.h5", {2, 3, 3, 2}, H5T_STD_U8LE, {}, ramp(36), {});
  refused("two.h5", "not pictures");
  write_hdf5(folder / "other.h5", {2, 3, 3, 3}, H5T_STD_U8LE, {}, ramp(54), {}, "/pixels");
  refused("other.h5", "/images");
  write_hdf5(folder / "labels.h5", {2, 3, 3, 3}, H5T_STD_U8LE, {}, ramp(54), {1, 2, 3});
  refused("labels.h5", "one integer a picture");
  // Chunks that were never written: a large extent in a small file.
  write_hdf5(folder / "empty.h5", {100000, 1000, 1000, 3}, H5T_STD_U8LE, {1, 1000, 1000, 3}, {},
             {});
  refused("empty.h5", "larger than the data");
  put(folder / "text.h5", "not HDF5 at all");
  refused("text.h5", "text.h5");
  write_hdf5(folder / "whole.h5", {4, 16, 16, 3}, H5T_STD_U8LE, {1, 16, 16, 3}, ramp(4 * 768), {});
  std::string whole;
  {
    std::ifstream file(folder / "whole.h5", std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  put(folder / "cut.h5", whole.substr(0, whole.size() / 2));
  refused("cut.h5", "cut.h5");
}
