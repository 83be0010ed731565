#include "weights/import/caffe/text_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "runtime/error.h"

namespace cutaway::weights {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '+' || c == '-';
}

bool is_name(std::string_view word) {
  if (word.empty() || !(std::isalpha(static_cast<unsigned char>(word[0])) != 0 || word[0] == '_'))
    return false;
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return is_word(c) && c != '.' && c != '+' && c != '-'; });
}

}  // namespace

/// Recursive descent; the depth is bounded.
class TextParser {
 public:
  TextParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  TextMessage run() { return body(0, '\0'); }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, what).at(file_ + ":" + std::to_string(line_));
  }

  void skip() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (is_space(c)) {
        line_ += c == '\n' ? 1 : 0;
        ++at_;
      } else {
        return;
      }
    }
  }

  [[nodiscard]] char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool accept(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  std::string word() {
    skip();
    const std::size_t first = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return std::string(text_.substr(first, at_ - first));
  }

  char escaped() {
    if (at_ >= text_.size()) fail("a string does not end");
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case '\\':
      case '\'':
      case '"':
        return c;
      default:
        fail("an escape that names cannot have");
    }
  }

  std::string quoted() {
    std::string value;
    while (peek() == '"' || peek() == '\'') {
      const char quote = text_[at_++];
      while (true) {
        if (at_ >= text_.size() || text_[at_] == '\n') fail("a string does not end");
        const char c = text_[at_++];
        if (c == quote) break;
        if (c == '\0') fail("a NUL byte in a string");
        value += c == '\\' ? escaped() : c;
      }
    }
    return value;
  }

  void scalar(TextMessage::Field field, TextMessage& into) {
    const char c = peek();
    field.line = line_;
    if (c == '"' || c == '\'') {
      field.quoted = true;
      field.value = quoted();
    } else {
      field.value = word();
      if (field.value.empty()) fail("a value expected for '" + field.name + "'");
    }
    add(std::move(field), into);
  }

  void add(TextMessage::Field field, TextMessage& into) {
    if (++fields_ > TextMessage::kMostFields) fail("too many fields");
    into.fields_.push_back(std::move(field));
  }

  void value(const TextMessage::Field& named, TextMessage& into, int depth, bool colon) {
    TextMessage::Field field = named;
    if (accept('{')) {
      field.messages.push_back(body(depth + 1, '}'));
      add(std::move(field), into);
    } else if (accept('<')) {
      field.messages.push_back(body(depth + 1, '>'));
      add(std::move(field), into);
    } else if (!colon) {
      fail("':' or '{' expected behind '" + field.name + "'");
    } else {
      scalar(std::move(field), into);
    }
  }

  TextMessage body(int depth, char end) {
    if (depth > TextMessage::kMostDepth) fail("messages are nested too deeply");
    TextMessage message;
    message.file_ = file_;
    message.line_ = line_;
    while (true) {
      if (peek() == '\0' && at_ >= text_.size()) {
        if (end != '\0') fail(std::string("the text ends where '") + end + "' is expected");
        return message;
      }
      if (end != '\0' && accept(end)) return message;
      TextMessage::Field field;
      field.line = line_;
      field.name = word();
      if (!is_name(field.name)) fail("a field's name expected");
      const bool colon = accept(':');
      if (colon && accept('[')) {
        if (!accept(']')) {
          do value(field, message, depth, true);
          while (accept(','));
          if (!accept(']')) fail("']' expected");
        }
      } else {
        value(field, message, depth, colon);
      }
      if (!accept(',')) (void)accept(';');
    }
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_{0}, fields_{0};
  int line_{1};
};

TextMessage TextMessage::parse(std::string_view text, const std::string& file) {
  if (text.size() > kMostBytes) {
    throw Error(ErrorKind::kInput, "the text is too long")
        .at(file)
        .expected("at most " + std::to_string(kMostBytes) + " bytes")
        .got(std::to_string(text.size()));
  }
  return TextParser(text, file).run();
}

std::string TextMessage::where(int line) const { return file_ + ":" + std::to_string(line); }

bool TextMessage::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& f) { return f.name == name; });
}

const TextMessage::Field* TextMessage::single(const char* name) const {
  read_.insert(name);
  const Field* found = nullptr;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    if (found != nullptr) {
      throw Error(ErrorKind::kInput, "'" + std::string(name) + "' stands more than once")
          .at(where(field.line));
    }
    found = &field;
  }
  return found;
}

std::string TextMessage::text(const char* name, const std::string& otherwise) const {
  const Field* field = single(name);
  if (field == nullptr) return otherwise;
  if (!field->messages.empty()) {
    throw Error(ErrorKind::kInput, "'" + std::string(name) + "' must be a value")
        .at(where(field->line));
  }
  return field->value;
}

namespace {

template <class T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const char* first = text.data();
  const char* last = first + text.size();
  if (first != last && *first == '+') ++first;
  // Caffe's own files write "1f" nowhere, but protobuf allows it.
  if constexpr (std::is_floating_point_v<T>) {
    if (last - first > 1 && (last[-1] == 'f' || last[-1] == 'F') &&
        text.find_first_of("iI") == std::string::npos)
      --last;
  }
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

}  // namespace

std::int64_t TextMessage::integer(const char* name,
                                  std::int64_t otherwise,
                                  std::int64_t least,
                                  std::int64_t most) const {
  const Field* field = single(name);
  if (field == nullptr) return otherwise;
  return integers(name, least, most).front();
}

std::vector<std::int64_t> TextMessage::integers(const char* name,
                                                std::int64_t least,
                                                std::int64_t most) const {
  read_.insert(name);
  std::vector<std::int64_t> all;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    const std::optional<std::int64_t> value =
        field.quoted || !field.messages.empty() ? std::nullopt : parsed<std::int64_t>(field.value);
    if (!value || *value < least || *value > most) {
      throw Error(ErrorKind::kInput, "value of '" + std::string(name) + "'")
          .at(where(field.line))
          .expected("an integer from " + std::to_string(least) + " to " + std::to_string(most))
          .got(field.value.substr(0, 64));
    }
    all.push_back(*value);
  }
  return all;
}

double TextMessage::number(const char* name, double otherwise) const {
  const Field* field = single(name);
  return field == nullptr ? otherwise : numbers(name).front();
}

std::vector<double> TextMessage::numbers(const char* name) const {
  read_.insert(name);
  std::vector<double> all;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    const std::optional<double> value =
        field.quoted || !field.messages.empty() ? std::nullopt : parsed<double>(field.value);
    if (!value || !std::isfinite(*value)) {
      throw Error(ErrorKind::kInput, "value of '" + std::string(name) + "'")
          .at(where(field.line))
          .expected("a number")
          .got(field.value.substr(0, 64));
    }
    all.push_back(*value);
  }
  return all;
}

bool TextMessage::flag(const char* name, bool otherwise) const {
  const Field* field = single(name);
  if (field == nullptr) return otherwise;
  if (!field->quoted && (field->value == "true" || field->value == "1" || field->value == "t"))
    return true;
  if (!field->quoted && (field->value == "false" || field->value == "0" || field->value == "f"))
    return false;
  throw Error(ErrorKind::kInput, "value of '" + std::string(name) + "'")
      .at(where(field->line))
      .expected("true or false")
      .got(field->value.substr(0, 64));
}

std::vector<std::string> TextMessage::texts(const char* name) const {
  read_.insert(name);
  std::vector<std::string> all;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    if (!field.messages.empty()) {
      throw Error(ErrorKind::kInput, "'" + std::string(name) + "' must be a value")
          .at(where(field.line));
    }
    all.push_back(field.value);
  }
  return all;
}

std::vector<const TextMessage*> TextMessage::messages(const char* name) const {
  read_.insert(name);
  std::vector<const TextMessage*> all;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    if (field.messages.empty()) {
      throw Error(ErrorKind::kInput, "'" + std::string(name) + "' must be a message")
          .at(where(field.line));
    }
    all.push_back(&field.messages.front());
  }
  return all;
}

const TextMessage& TextMessage::message(const char* name) const {
  const Field* field = single(name);
  if (field == nullptr) {
    if (nothing_.empty()) nothing_.emplace_back();
    return nothing_.front();
  }
  return *messages(name).front();
}

void TextMessage::ignore(std::initializer_list<const char*> names) const {
  for (const char* name : names) read_.insert(name);
}

std::vector<std::string> TextMessage::unread() const {
  std::vector<std::string> all;
  for (const Field& field : fields_) {
    if (read_.contains(field.name)) continue;
    all.push_back(field.name + " (line " + std::to_string(field.line) + ")");
  }
  return all;
}

}  // namespace cutaway::weights
