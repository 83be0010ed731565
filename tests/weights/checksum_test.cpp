#include <zlib.h>
#include <atomic>

#include <random>
#include <vector>

#include "tests/weights/scratch.h"
#include "weights/import/file_digest.h"
#include "weights/sha256.h"
#include "weights/xxh64.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::uint64_t xxh64(std::string_view text) {
  Xxh64 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.digest();
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 is the same with and without the processor's instructions") {
  std::mt19937 random(7);
  std::vector<std::byte> bytes;
  for (std::size_t n = 0; n < 300; ++n) {
    Sha256 own, portable = Sha256::portable();
    own.update(bytes);
    portable.update(bytes);
    CHECK(own.finish() == portable.finish());
    bytes.push_back(static_cast<std::byte>(random() & 255U));
  }
  Sha256 abc = Sha256::portable();
  abc.update(std::as_bytes(std::span("abc", 3)));
  CHECK(abc.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("XXH64 gives the digests of the reference implementation") {
  // Seed 0; from the specification's reference implementation.
  CHECK(xxh64("") == 0xEF46DB3751D8E999ULL);
  CHECK(xxh64("a") == 0xD24EC4F1A98C6E5BULL);
  CHECK(xxh64("abc") == 0x44BC2CF5AD770999ULL);
  CHECK(xxh64("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1ULL);
}

TEST_CASE("digests do not depend on how the bytes arrive") {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(1000);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255U);
  Xxh64 whole;
  Sha256 whole_sha;
  whole.update(bytes);
  whole_sha.update(bytes);
  const std::string sha = whole_sha.finish();
  for (int round = 0; round < 50; ++round) {
    Xxh64 parts;
    Sha256 parts_sha;
    std::span<const std::byte> left = bytes;
    while (!left.empty()) {
      const std::size_t take = std::min<std::size_t>(left.size(), 1 + random() % 70);
      parts.update(left.first(take));
      parts_sha.update(left.first(take));
      left = left.subspan(take);
    }
    REQUIRE(parts.digest() == whole.digest());
    REQUIRE(parts_sha.finish() == sha);
  }
  bytes[500] ^= std::byte{1};
  Xxh64 flipped;
  flipped.update(bytes);
  CHECK(flipped.digest() != whole.digest());
}

TEST_CASE("SHA-256 of a file") {
  const Scratch scratch;
  write_file(scratch.path("f"), std::string(200'000, 'x'));
  CHECK(sha256_of_file(scratch.path("f")) == sha256(std::string(200'000, 'x')));
  CHECK_THROWS_AS((void)sha256_of_file(scratch.path("absent")), Error);
}

TEST_CASE("SHA-256 of a file that stores sums of its parts") {
  const Scratch scratch;
  std::string text(600'000, '\0');  // several pieces
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  const std::string path = scratch.path("f");
  write_file(path, text);
  const auto sum = [&](std::size_t offset, std::size_t bytes) {
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(text.data() + offset), static_cast<uInt>(bytes));
    return StoredSum{"part", offset, bytes, static_cast<std::uint32_t>(crc)};
  };
  const std::vector<StoredSum> parts{sum(300'000, 262'144), sum(0, 7),
                                     sum(7, 262'137),       sum(262'144, 0),
                                     sum(562'144, 37'856),  {"unknown", 20, 9, 0}};
  CHECK(digest_of_file(path, parts) == sha256(text));
  CHECK(digest_of_file(path, {}) == sha256(text));
  std::atomic<std::uint64_t> until{1'000'000};
  CHECK(digest_of_file(path, parts, &until) == sha256(text));
  until = 0;
  CHECK_THROWS_WITH_AS((void)digest_of_file(path, {}, &until), doctest::Contains("given up"),
                       Error);
  for (std::size_t i = 0; i < 5; ++i) {
    std::vector<StoredSum> wrong = parts;
    wrong[i].crc += 1;
    if (i == 3) wrong[i].crc = 5;  // of nothing, the sum is 0, which means none
    CHECK_THROWS_WITH_AS((void)digest_of_file(path, wrong), doctest::Contains("checksum"), Error);
  }
  std::vector<StoredSum> outside = parts;
  outside.back() = {"far", 599'999, 2, 1};
  outside[4].bytes = 7;
  outside[4] = sum(562'144, 7);
  CHECK_THROWS_WITH_AS((void)digest_of_file(path, outside), doctest::Contains("outside"), Error);
}
