// Protobuf files that are made to exhaust their reader: ONNX models and Caffe's .caffemodel.

#include <chrono>

#include "tests/weights/import_support.h"
#include "tests/weights/torch_support.h"
#include "weights/import/caffe/caffe_model.h"
#include "weights/import/protobuf_wire.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

BinaryFile file_of(const std::string& bytes) {
  std::vector<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  return BinaryFile::over("deep", std::move(copy));
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

/// `levels` messages in each other, each the field that `fields` says in turn. Built from the
/// inside, backwards, so that a million levels take no more than a million steps.
std::string nested(const std::vector<std::uint32_t>& fields, int levels, const std::string& core) {
  std::string backwards(core.rbegin(), core.rend());
  for (int level = levels - 1; level >= 0; --level) {
    const std::uint32_t field = fields[static_cast<std::size_t>(level) % fields.size()];
    const std::string head = varint(std::uint64_t{field} << 3 | 2U) + varint(backwards.size());
    backwards.append(head.rbegin(), head.rend());
  }
  return {backwards.rbegin(), backwards.rend()};
}

int descend(WireReader reader) { return reader.next() ? 1 + descend(reader.message()) : 0; }

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  try {
    action();
  } catch (const Error&) {
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void refuse_onnx(const std::string& bytes, const std::string& what) {
  const Scratch scratch;
  write_file(scratch.path("m.onnx"), bytes);
  CHECK(has(message_of([&] { (void)open_source({scratch.path("m.onnx")}, "onnx"); }), what));
}

}  // namespace

TEST_CASE("protobuf: nesting is bounded") {
  const auto depth = [](int levels) {
    const BinaryFile file = file_of(nested({1}, levels, ""));
    return descend(WireReader(file, {0, file.size()}, 0));
  };
  CHECK(depth(1) == 1);
  CHECK(depth(WireReader::kMostDepth) == WireReader::kMostDepth);
  CHECK(has(message_of([&] { (void)depth(WireReader::kMostDepth + 1); }), "nested too deeply"));
  CHECK(has(message_of([&] { (void)depth(100'000); }), "nested too deeply"));
}

TEST_CASE("protobuf: models nested without end are refused in no time, whatever their fields") {
  // ONNX: a graph (7) with a node (1) with an attribute (5) that holds a graph (6), and so on, as
  // control flow has it; a type (2) of a sequence (4) of types (1).
  const std::string control = nested({7}, 1, nested({1, 5, 6}, 300'000, ""));
  const std::string types = nested({7}, 1, nested({11, 2}, 2, nested({4, 1}, 300'000, "")));
  for (const std::string& bytes : {control, types, nested({7}, 300'000, "")}) {
    // With the version of a real model in front.
    const std::string model = std::string("\x08\x08\x42\x02\x10\x0d", 6) + bytes;
    const Scratch scratch;
    write_file(scratch.path("m.onnx"), model);
    const auto read = [&] { (void)open_source({scratch.path("m.onnx")}, "onnx"); };
    CHECK_FALSE(message_of(read).empty());
    CHECK(seconds_of(read) < 5);
  }
  // Caffe: layers (100, or 2 of the old kind) in layers, blobs (7) in blobs.
  for (const std::vector<std::uint32_t>& fields :
       {std::vector<std::uint32_t>{100}, {2}, {100, 7}, {100, 7, 7}}) {
    const BinaryFile file = file_of(nested(fields, 300'000, ""));
    CHECK(seconds_of([&] { (void)read_caffe_model(file); }) < 5);
  }
}

TEST_CASE("protobuf: lengths and numbers that lie") {
  refuse_onnx(std::string("\x08\x08\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12), "longer than");
  refuse_onnx(std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12), "too long");
  refuse_onnx(std::string("\x08\x08\x3a\x05zz", 6), "longer than");
  refuse_onnx(std::string("\x08\x08\x0f", 3), "wire type");
  const BinaryFile cut = file_of(std::string("\xa2\x06\x7f", 3));  // layer of 127 bytes, none there
  CHECK(has(message_of([&] { (void)read_caffe_model(cut); }), "longer than"));
}
