#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "runtime/error.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// The values that a step of a run leaves (explain/runs/steps.h), as bytes of this machine: numbers,
/// texts, pairs and vectors of values, and every struct with a function `members` beside it that ties its
/// members: auto members(Peak& p) { return std::tie(p.value, p.row, p.column); }
class StepWriter {
 public:
  template <class T>
  void put(const T& v) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      raw(&v, sizeof v);
    } else if constexpr (std::is_same_v<T, std::string>) {
      put(static_cast<std::uint64_t>(v.size()));
      raw(v.data(), v.size());
    } else if constexpr (requires { v.first; }) {
      put(v.first);
      put(v.second);
    } else if constexpr (requires { members(const_cast<T&>(v)); }) {
      std::apply([this](const auto&... member) { (put(member), ...); }, members(const_cast<T&>(v)));
    } else {  // a vector
      put(static_cast<std::uint64_t>(v.size()));
      using Item = typename T::value_type;
      if constexpr (std::is_arithmetic_v<Item>) {
        raw(v.data(), v.size() * sizeof(Item));
      } else {
        for (const Item& item : v) put(item);
      }
    }
  }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void raw(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }

  std::string bytes_;
};

/// Throws kInput when there are fewer bytes than the value needs.
class StepReader {
 public:
  explicit StepReader(std::string_view bytes) : left_(bytes) {}

  template <class T>
  void get(T& v) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      raw(&v, sizeof v);
    } else if constexpr (std::is_same_v<T, std::string>) {
      v.resize(count(1));
      raw(v.data(), v.size());
    } else if constexpr (requires { v.first; }) {
      get(v.first);
      get(v.second);
    } else if constexpr (requires { members(v); }) {
      std::apply([this](auto&... member) { (get(member), ...); }, members(v));
    } else {
      using Item = typename T::value_type;
      if constexpr (std::is_arithmetic_v<Item>) {
        v.resize(count(sizeof(Item)));
        raw(v.data(), v.size() * sizeof(Item));
      } else {
        v.assign(count(1), Item{});
        for (Item& item : v) get(item);
      }
    }
  }

 private:
  /// How many items follow, of at least `least` bytes each: no more than there are bytes for.
  std::size_t count(std::size_t least) {
    std::uint64_t n = 0;
    get(n);
    if (n > left_.size() / least) fail();
    return static_cast<std::size_t>(n);
  }

  void raw(void* data, std::size_t size) {
    if (size > left_.size()) fail();
    if (size > 0) std::memcpy(data, left_.data(), size);
    left_.remove_prefix(size);
  }

  [[noreturn]] static void fail() { throw Error(ErrorKind::kInput, "a step that ends too early"); }

  std::string_view left_;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
