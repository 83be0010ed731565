#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weights/import/binary_file.h"
#include "weights/import/protobuf_wire.h"
#include "weights/import/source.h"

/// The messages of onnx.proto3 that describe networks, read but not interpreted.
namespace cutaway::weights::onnx {

/// A tensor: its numbers stay in the file, except for short lists of integers.
struct Tensor {
  std::string name;
  Extents extents;
  ElementType type{ElementType::kOther};
  std::vector<WireRange> chunks;       ///< little-endian elements, in `file`
  std::vector<std::int64_t> integers;  ///< where the writer chose varints
  std::vector<float> numbers;          ///< of a Constant that lists its numbers
  std::shared_ptr<const BinaryFile> file;
};

/// Elements `t` really holds. Throws kInput unless there are as many as its extents say.
void check_contents(const Tensor& t);
/// All elements as float32; `to` has as many as the extents say.
void read_floats(const Tensor& t, std::span<float> to);
/// The type that TensorProto.DataType calls by that number.
[[nodiscard]] ElementType element_type(std::int64_t type);
/// All elements of an integer tensor of at most 65536. Throws kInput for another type.
[[nodiscard]] std::vector<std::int64_t> read_integers(const Tensor& t);

struct Attribute {
  float number{0};
  std::int64_t integer{0};
  std::string text;
  std::shared_ptr<const Tensor> tensor;
  std::vector<std::int64_t> integers;
  std::vector<float> numbers;
  bool graph{false};  ///< holds a graph, as control flow does
};

struct Node {
  std::string name, type, domain;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Attribute> attributes;
};

/// An input or output of the graph; extents of -1 are free.
struct ValueInfo {
  std::string name;
  Extents extents;
  ElementType type{ElementType::kOther};
  bool has_shape{false};
};

struct Model {
  std::map<std::string, std::string> metadata;  ///< this program's own entries, "cutaway.*"
  std::string producer;
  std::shared_ptr<const BinaryFile> file;
  std::int64_t opset{0};
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

/// True when the file's first level looks like a ModelProto. Never throws for want of likeness.
[[nodiscard]] bool is_model(const BinaryFile& file);

/// Reads a ModelProto. External data is looked for beside the file, inside its folder only. Throws
/// kInput for damage, for paths that lead elsewhere, for more than 100000 nodes or 1000000 tensors,
/// and kUnsupported for training graphs, functions and sparse tensors.
[[nodiscard]] Model read_model(const std::shared_ptr<const BinaryFile>& file);

}  // namespace cutaway::weights::onnx
