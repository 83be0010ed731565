#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "weights/import/source.h"

/// The globals of PyTorch's pickles; private to weights/import/torch/pickle.cpp.
namespace cutaway::weights::pickle {

struct StorageName {
  const char* name;
  ElementType type;
};
constexpr std::array kStorages{
    StorageName{"torch FloatStorage", ElementType::kF32},
    StorageName{"torch DoubleStorage", ElementType::kF64},
    StorageName{"torch HalfStorage", ElementType::kF16},
    StorageName{"torch BFloat16Storage", ElementType::kBf16},
    StorageName{"torch LongStorage", ElementType::kI64},
    StorageName{"torch IntStorage", ElementType::kI32},
    StorageName{"torch ShortStorage", ElementType::kI16},
    StorageName{"torch CharStorage", ElementType::kI8},
    StorageName{"torch ByteStorage", ElementType::kU8},
    StorageName{"torch BoolStorage", ElementType::kU8},
};

// What a pickle may name besides storages. They are descriptions, not functions: see
// Machine::reduce.
constexpr std::array<std::string_view, 8> kKnown{"collections OrderedDict",
                                                 "torch._utils _rebuild_tensor_v2",
                                                 "torch._utils _rebuild_tensor",
                                                 "torch._utils _rebuild_parameter",
                                                 "torch Size",
                                                 "torch device",
                                                 "torch.serialization _get_layout",
                                                 "torch._utils _rebuild_parameter_with_state"};

inline std::optional<ElementType> storage_type(const std::string& global) {
  for (const StorageName& s : kStorages) {
    if (global == s.name) return s.type;
  }
  return std::nullopt;
}

/// True for what a pickle may name at all.
inline bool is_known(const std::string& global) {
  return storage_type(global).has_value() ||
         std::find(kKnown.begin(), kKnown.end(), global) != kKnown.end() ||
         global.starts_with("torch float") || global == "torch bfloat16" ||
         global.starts_with("torch int");
}

/// A name from a file, fit for a message.
inline std::string printable(std::string text) {
  text.resize(std::min<std::size_t>(text.size(), 128));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '?';
  }
  return text;
}

}  // namespace cutaway::weights::pickle
