#include "runtime/error.h"

#include <utility>

namespace cutaway {

Error::Error(ErrorKind kind, std::string what)
    : std::runtime_error(what), kind_(kind), what_(std::move(what)) {
  compose();
}

Error&& Error::at(std::string where) && {
  where_ = std::move(where);
  compose();
  return std::move(*this);
}

Error&& Error::expected(std::string text) && {
  expected_ = std::move(text);
  compose();
  return std::move(*this);
}

Error&& Error::got(std::string text) && {
  got_ = std::move(text);
  compose();
  return std::move(*this);
}

Error&& Error::hint(std::string text) && {
  hint_ = std::move(text);
  compose();
  return std::move(*this);
}

Error Error::located(std::string where) const {
  Error copy = *this;
  if (copy.where_.empty()) {
    copy.where_ = std::move(where);
  } else {
    copy.where_ = std::move(where) + ": " + copy.where_;
  }
  copy.compose();
  return copy;
}

void Error::compose() {
  text_.clear();
  if (!where_.empty()) text_ += where_ + ": ";
  text_ += what_;
  if (!expected_.empty()) text_ += ": expected " + expected_;
  if (!got_.empty()) text_ += (expected_.empty() ? ": got " : ", got ") + got_;
  if (!hint_.empty()) text_ += "; hint: " + hint_;
}

}  // namespace cutaway
