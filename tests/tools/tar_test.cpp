#include "explain/pictures/tar.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include "explain/pictures/source.h"
#include "tests/tools/image_test_support.h"
#include "tests/tools/tar_fixture.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

void put_gz(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
          static_cast<int>(text.size()));
  gzclose(file);
}

std::vector<TarMember> members(const std::string& path) {
  TarReader reader(path);
  std::vector<TarMember> all;
  TarMember member;
  while (reader.next(member)) all.push_back(member);
  return all;
}

std::vector<ImageEntry> entries(const std::string& path) {
  const auto source = open_tar(path);
  std::vector<ImageEntry> all;
  ImageEntry entry;
  while (source->next(entry)) all.push_back(entry);
  return all;
}

}  // namespace

TEST_CASE("tar: members, long names and kinds; plain and compressed") {
  const Folder folder;
  const std::string longer(150, 'x');
  const std::string png = "\x89PNG\r\n\x1A\n";  // what is no picture is not held
  const std::string archive =
      tar_member({"folder/", "", '5'}) + tar_member({"folder/a.png", "AAA"}) +
      tar_member({"x", pax_record("path", longer + ".png") + pax_record("mtime", "1.5"), 'x'}) +
      tar_member({"short", png + "BBBB"}) +
      tar_member({"././@LongLink", longer + "/c.jpg" + std::string(1, '\0'), 'L'}) +
      tar_member({"cut", png + std::string(505, 'C')}) +
      tar_member({"link.png", "", '2', "/etc/passwd"}) +
      tar_member({"d.png", "D", '0', "", "", false,
                  std::string("ustar\0"
                              "00",
                              8),
                  "some/where"}) +
      tar_end() + "trailing";
  put(folder / "a.tar", archive);
  put_gz(folder / "a.tgz", archive);
  for (const char* name : {"a.tar", "a.tgz"}) {
    const auto all = members(folder / name);
    REQUIRE(all.size() == 6);
    CHECK(all[0].name == "folder/");
    CHECK_FALSE(all[0].regular);
    CHECK(all[1].size == 3);
    CHECK(all[2].name == longer + ".png");
    CHECK(all[2].size == 12);
    CHECK(all[3].name == longer + "/c.jpg");
    CHECK(all[3].size == 513);
    CHECK_FALSE(all[4].regular);  // links lead nowhere
    CHECK(all[5].name == "some/where/d.png");
    const auto pictures = entries(folder / name);
    REQUIRE(pictures.size() == 4);
    CHECK(pictures[0].bytes == nullptr);
    REQUIRE(pictures[1].bytes != nullptr);
    CHECK(std::string(pictures[1].bytes->begin(), pictures[1].bytes->end()) == png + "BBBB");
    REQUIRE(pictures[2].bytes != nullptr);
    CHECK(pictures[2].bytes->size() == 513);
  }
}

TEST_CASE("tar: GNU's base-256 sizes and pax sizes") {
  const Folder folder;
  std::string size(12, '\0');
  size[0] = static_cast<char>(0x80);
  size[11] = 3;
  TarEntry by_pax{"b.png", "BBBB", '0', "", "00000000000"};  // the pax header's size counts
  put(folder / "a.tar", tar_member({"a.png", "AAA", '0', "", size}) +
                            tar_member({"p", pax_record("size", "4"), 'x'}) + tar_member(by_pax) +
                            tar_end());
  const auto all = members(folder / "a.tar");
  REQUIRE(all.size() == 2);
  CHECK(all[0].size == 3);
  CHECK(all[1].size == 4);
}

TEST_CASE("tar: damage throws, and takes neither memory nor time") {
  const Folder folder;
  const auto refused = [&](const std::string& name, const std::string& bytes) {
    CAPTURE(name);
    put(folder / name, bytes);
    const Error error = error_of([&] { (void)members(folder / name); });
    CHECK(error.kind() == ErrorKind::kInput);
    CHECK(contains(error.what(), name));
  };
  const std::string good = tar_member({"a.png", "AAA"});
  refused("empty.tar", "");
  refused("text.tar", std::string(2000, 'q'));
  refused("short.tar", "abc");
  refused("checksum.tar", tar_member({"a.png", "AAA", '0', "", "", true}));
  refused("cut.tar", good.substr(0, 600));
  refused("half-header.tar", good + good.substr(0, 100));
  refused("size.tar", tar_member({"a.png", "AAA", '0', "", "9999zzzz"}));
  std::string negative(12, '\xff');
  refused("negative.tar", tar_member({"a.png", "", '0', "", negative}));
  refused("promise.tar",
          tar_member({"a.png", "", '0', "", "77777777777"}));  // 8 GiB that are not there
  refused("huge-pax.tar", tar_member({"p", "", 'x', "", "77777777777"}));
  refused("huge-name.tar", tar_member({"n", std::string(5000, 'n'), 'L'}) + good + tar_end());
  for (const char* record :
       {"5 a=b\n", "999 path=x\n", "x path=y\n", "12 pathxyzzz\n", "-3 path=x\n", "7 path="}) {
    refused("pax.tar", tar_member({"p", record, 'x'}) + good + tar_end());
  }
  refused("dangling.tar", tar_member({"p", pax_record("path", "x.png"), 'x'}) + tar_end());
  put_gz(folder / "good.tgz", good + good + tar_end());
  std::string gz;
  {
    std::ifstream file(folder / "good.tgz", std::ios::binary);
    gz.assign(std::istreambuf_iterator<char>(file), {});
  }
  refused("cut.tgz", gz.substr(0, gz.size() / 2));
  std::string flipped = gz;
  flipped[gz.size() / 2] = static_cast<char>(flipped[gz.size() / 2] ^ 0x55);
  refused("flipped.tgz", flipped);
  CHECK(error_of([&] { (void)members(folder / "absent.tar"); }).kind() == ErrorKind::kInput);
  CHECK(error_of([&] { (void)members(folder.str()); }).kind() == ErrorKind::kInput);
}

TEST_CASE("tar: any single damaged byte gives an error or an archive, never a crash") {
  const Folder folder;
  const std::string archive =
      tar_member({"p", pax_record("path", "long/a.png"), 'x'}) + tar_member({"a", "AAA"}) +
      tar_member({"././@LongLink", "b.png", 'L'}) + tar_member({"b", "BBB"}) + tar_end();
  int refused = 0;
  for (std::size_t at = 0; at < archive.size() - 1024; at += 3) {
    std::string damaged = archive;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    put(folder / "a.tar", damaged);
    try {
      (void)members(folder / "a.tar");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      ++refused;
    }
  }
  CHECK(refused > 500);  // every damaged header
}

TEST_CASE("tar as a source: pictures only; damage ends the archive, not the run") {
  const Folder folder;
  put(folder / "a.tar", tar_member({"../../etc/a.png", "\x89PNG\r\n\x1A\n"}) +
                            tar_member({".hidden.png", "x"}) + tar_member({"notes.txt", "x"}) +
                            tar_member({"b.JPG", "BB"}) + std::string(512, 'q'));
  const auto all = entries(folder / "a.tar");
  REQUIRE(all.size() == 3);
  CHECK(all[0].name == "../../etc/a.png");  // only a name: nothing is written under it
  CHECK(all[0].error.empty());
  CHECK(all[1].name == "b.JPG");
  CHECK(contains(all[2].error, "not a tar archive"));
  put(folder / "none.tar", tar_member({"notes.txt", "x"}) + tar_end());
  CHECK(error_of([&] { (void)open_tar(folder / "none.tar"); }).kind() == ErrorKind::kInput);
  const auto source = open_tar(folder / "a.tar");
  ImageEntry entry;
  REQUIRE(source->next(entry, false));
  CHECK(entry.bytes == nullptr);  // nobody asked for it
  CHECK_FALSE(source->count().has_value());
}
