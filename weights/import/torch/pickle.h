#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weights/import/binary_file.h"
#include "weights/import/source.h"

/// A reader of Python pickles as PyTorch writes them. It executes nothing: opcodes build values of
/// the kinds below, and the only functions that a pickle may "call" are the few of PyTorch that
/// rebuild tensors, done here. Whatever else a pickle names, and what it makes of that, is an
/// opaque value with that name: nobody looks inside, and what was put into it is gone.
namespace cutaway::weights::pickle {

using ValueId = std::uint32_t;

/// A storage that tensors are views of: "data/<key>" in an archive.
struct Storage {
  ElementType type{ElementType::kOther};
  std::string key;
  std::int64_t elements{0};
  std::int64_t first{0};  ///< where a legacy view begins in the storage of that key
};

struct Tensor {
  Storage storage;
  std::int64_t offset{0};  ///< in elements
  Extents extents, strides;
};

struct Value {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInteger,
    kNumber,
    kText,
    kTuple,
    kList,
    kDict,    ///< items are keys and values in turn
    kGlobal,  ///< text is "module name"
    kStorage,
    kTensor,
    kOpaque  ///< something that nobody reads: a device, a dtype, an object of Python (text names it)
  };
  Kind kind{Kind::kNone};
  std::int64_t integer{0};
  double number{0};
  std::string text;
  std::vector<ValueId> items;
  std::uint32_t index{0};  ///< of a storage or tensor in Heap
};

/// All values of some pickles. Values name each other by number, so cycles do no harm.
struct Heap {
  std::vector<Value> values;
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;

  [[nodiscard]] const Value& at(ValueId id) const { return values[id]; }
};

/// Where reading ended, and what was read.
struct Result {
  ValueId root{0};
  std::uint64_t end{0};
};

/// Reads one pickle of protocol 2 to 5 that begins at `begin` and ends by its STOP before `end`.
/// Throws kInput at "file:offset" for damage, more than 64 MiB or 2 million values, and
/// kUnsupported for opcodes that PyTorch does not write.
Result read(const BinaryFile& file, std::uint64_t begin, std::uint64_t end, Heap& heap);

}  // namespace cutaway::weights::pickle
