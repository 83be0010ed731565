#pragma once

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "layers/executor.h"
#include "weights/hdf5_file.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"

/// What the tests of importers share.
namespace cutaway::weights::testing {

/// Protocol Buffers' wire format, as little of it as a test needs.
class Wire {
 public:
  Wire& varint(std::uint32_t field, std::uint64_t value) {
    number(std::uint64_t{field} << 3U);
    number(value);
    return *this;
  }
  Wire& bytes(std::uint32_t field, const std::string& contents) {
    number((std::uint64_t{field} << 3U) | 2U);
    number(contents.size());
    text_ += contents;
    return *this;
  }
  Wire& message(std::uint32_t field, const Wire& inner) { return bytes(field, inner.text_); }
  Wire& floats(std::uint32_t field, const std::vector<float>& values) {
    std::string raw(values.size() * 4, '\0');
    std::memcpy(raw.data(), values.data(), raw.size());
    return bytes(field, raw);
  }
  Wire& packed(std::uint32_t field, const std::vector<std::int64_t>& values) {
    Wire inner;
    for (const std::int64_t v : values) inner.number(static_cast<std::uint64_t>(v));
    return bytes(field, inner.text_);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void number(std::uint64_t v) {
    for (; v >= 0x80U; v >>= 7U) text_ += static_cast<char>(v | 0x80U);
    text_ += static_cast<char>(v);
  }
  std::string text_;
};

inline std::vector<float> counting(std::int64_t count, float first = 0.0f) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), first);
  return values;
}

/// Imports onto the source's own graph, or onto `graph` of the architecture of that name.
inline Imported imported_from(const std::vector<std::string>& files,
                              const Graph* graph = nullptr,
                              const std::string& architecture = {},
                              const ImportOptions& options = {}) {
  const Source source = open_source(files);
  const Graph target = graph != nullptr ? *graph : source.graph.value();
  return import_weights(source, target, source.bind(target, graph != nullptr ? architecture : ""),
                        options);
}

}  // namespace cutaway::weights::testing
