#include "weights/import/torch/pickle.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "runtime/error.h"
#include "weights/import/torch/pickle_bytes.h"
#include "weights/import/torch/pickle_globals.h"

namespace cutaway::weights::pickle {
namespace {

using Kind = Value::Kind;

constexpr std::size_t kMostValues = 2'000'000;
constexpr std::uint64_t kMostText = 1 << 20;
constexpr std::size_t kMostRank = 16;

/// The pickle's stack machine.
class Machine : private Bytes {
 public:
  Machine(const BinaryFile& file, std::uint64_t begin, std::uint64_t end, Heap& heap)
      : Bytes(file, begin, end), heap_(heap) {}

  Result run() {
    while (true) {
      const std::uint8_t op = byte();
      if (op == kStop) break;
      if (!number_op(op) && !text_op(op) && !container_op(op) && !memo_op(op)) call_op(op);
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("its stack is not empty at the end");
    return {stack_[0], position()};
  }

 private:
  // --- stack
  // ---------------------------------------------------------------------------------------

  ValueId make(Value value) {
    if (heap_.values.size() >= kMostValues) fail("too many values");
    heap_.values.push_back(std::move(value));
    return static_cast<ValueId>(heap_.values.size() - 1);
  }
  void push(ValueId id) {
    if (stack_.size() >= kMostValues) fail("too many values");
    stack_.push_back(id);
  }
  void push(Kind kind) {
    Value v;
    v.kind = kind;
    push(make(std::move(v)));
  }
  void push_integer(std::int64_t value, Kind kind = Kind::kInteger) {
    Value v;
    v.kind = kind;
    v.integer = value;
    push(make(std::move(v)));
  }
  void push_text(std::string text, Kind kind = Kind::kText) {
    Value v;
    v.kind = kind;
    v.text = std::move(text);
    push(make(std::move(v)));
  }
  void need(std::size_t count) const {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + count) fail("its stack is empty");
  }
  ValueId pop() {
    need(1);
    const ValueId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  const Value& at(ValueId id) const { return heap_.values[id]; }
  /// The container on top of the stack, to be extended.
  Value& top(Kind kind) {
    need(1);
    Value& v = heap_.values[stack_.back()];
    if (v.kind != kind) fail("a container of another kind");
    return v;
  }
  std::vector<ValueId> pop_to_mark() {
    if (marks_.empty()) fail("a mark is missing");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<ValueId> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }

  // --- opcodes
  // -------------------------------------------------------------------------------------

  bool number_op(std::uint8_t op) {
    switch (op) {
      case kNone:
        push(Kind::kNone);
        return true;
      case kNewTrue:
        push_integer(1, Kind::kBool);
        return true;
      case kNewFalse:
        push_integer(0, Kind::kBool);
        return true;
      case kBinInt1:
        push_integer(byte());
        return true;
      case kBinInt2:
        push_integer(static_cast<std::int64_t>(little(2)));
        return true;
      case kBinInt:
        push_integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(little(4))));
        return true;
      case kLong1:
        push_long(byte());
        return true;
      case kLong4:
        push_long(little(4));
        return true;
      case kBinFloat:
        push_float();
        return true;
      default:
        return false;
    }
  }

  void push_long(std::uint64_t bytes) {
    if (bytes > kMostText) fail("a number is too long");
    if (bytes <= 8) {
      std::uint64_t value = little(static_cast<int>(bytes));
      if (bytes > 0 && bytes < 8 && (value >> (8 * bytes - 1) & 1U) != 0)
        value |= ~std::uint64_t{0} << (8 * bytes);
      push_integer(static_cast<std::int64_t>(value));
      return;
    }
    // Longer numbers only mark formats; they are kept as their bytes.
    push_text(std::string(take(bytes)), Kind::kOpaque);
  }

  void push_float() {
    const std::string_view bytes = take(8);  // big-endian, alone in the format
    Value v;
    v.kind = Kind::kNumber;
    v.number = double_of(bytes);
    push(make(std::move(v)));
  }

  bool text_op(std::uint8_t op) {
    const int length_bytes = length_bytes_of(op);
    if (length_bytes == 0) return false;
    const std::uint64_t length = little(length_bytes);
    if (length > kMostText) fail("a text is too long");
    push_text(std::string(take(length)), is_text(op) ? Kind::kText : Kind::kOpaque);
    return true;
  }

  bool container_op(std::uint8_t op) {
    switch (op) {
      case kMark:
        if (marks_.size() >= kMostValues) fail("too many marks");
        marks_.push_back(stack_.size());
        return true;
      case kEmptyDict:
        push(Kind::kDict);
        return true;
      case kEmptyList:
        push(Kind::kList);
        return true;
      case kEmptyTuple:
        push(Kind::kTuple);
        return true;
      case kTuple1:
        push_tuple(1);
        return true;
      case kTuple2:
        push_tuple(2);
        return true;
      case kTuple3:
        push_tuple(3);
        return true;
      case kTuple:
        push_tuple(pop_to_mark());
        return true;
      case kAppend:
        append({pop()});
        return true;
      case kAppends:
        append(pop_to_mark());
        return true;
      case kSetItem: {
        need(2);
        const ValueId value = pop();
        const ValueId key = pop();
        set_items({key, value});
        return true;
      }
      case kSetItems:
        set_items(pop_to_mark());
        return true;
      case kAddItems:
        (void)pop_to_mark();
        return true;
      case kFrozenSet:
        (void)pop_to_mark();
        [[fallthrough]];
      case kEmptySet:
        push_text("a set", Kind::kOpaque);
        return true;
      default:
        return false;
    }
  }

  void push_tuple(std::size_t count) {
    need(count);
    const auto from = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<ValueId> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    push_tuple(std::move(items));
  }
  void push_tuple(std::vector<ValueId> items) {
    Value v;
    v.kind = Kind::kTuple;
    v.items = std::move(items);
    push(make(std::move(v)));
  }
  void append(const std::vector<ValueId>& items) {
    if (is_opaque_on_top()) return;
    Value& list = top(Kind::kList);
    count_items(items.size());
    list.items.insert(list.items.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<ValueId>& items) {
    if (items.size() % 2 != 0) fail("a key without a value");
    if (is_opaque_on_top()) return;
    Value& dict = top(Kind::kDict);
    count_items(items.size());
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }
  // Objects that are lists or dictionaries too: what they hold is not looked at.
  bool is_opaque_on_top() {
    need(1);
    return heap_.values[stack_.back()].kind == Kind::kOpaque;
  }
  // One list may be filled again and again; the sum counts.
  void count_items(std::size_t count) {
    items_ += count;
    if (items_ > kMostValues) fail("too many values");
  }

  bool memo_op(std::uint8_t op) {
    switch (op) {
      case kBinPut:
        put(byte());
        return true;
      case kLongBinPut:
        put(static_cast<std::uint32_t>(little(4)));
        return true;
      case kMemoize:
        put(static_cast<std::uint32_t>(memo_.size()));
        return true;
      case kBinGet:
        get(byte());
        return true;
      case kLongBinGet:
        get(static_cast<std::uint32_t>(little(4)));
        return true;
      default:
        return false;
    }
  }
  void put(std::uint32_t slot) {
    need(1);
    memo_[slot] = stack_.back();
  }
  void get(std::uint32_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) fail("it recalls what it never stored");
    push(found->second);
  }

  void call_op(std::uint8_t op) {
    switch (op) {
      case kProto: {
        const std::uint8_t version = byte();
        if (version < 2 || version > 5)
          fail("protocol " + std::to_string(version), ErrorKind::kUnsupported);
        return;
      }
      case kFrame:
        (void)little(8);
        return;
      case kPop:
        (void)pop();
        return;
      case kDup:
        need(1);
        push(stack_.back());
        return;
      case kGlobal: {
        const std::string module = line();
        push_global(module + " " + line());
        return;
      }
      case kStackGlobal: {
        need(2);
        const std::string name = text_of_value(pop());
        push_global(text_of_value(pop()) + " " + name);
        return;
      }
      case kBinPersid:
        persistent();
        return;
      case kReduce: {
        need(2);
        const ValueId arguments = pop();
        push(reduce(pop(), arguments));
        return;
      }
      case kNewObjectEx:
        (void)pop();  // arguments by name
        [[fallthrough]];
      case kNewObject:
        (void)pop();
        return push_opaque(pop());
      case kBuild:
        build();
        return;
      default:
        fail("opcode " + std::to_string(op) + ", which PyTorch does not write",
             ErrorKind::kUnsupported);
    }
  }

  void push_global(const std::string& name) {
    if (is_known(name)) {
      push_text(name, Kind::kGlobal);
    } else {
      push_text(printable(name), Kind::kOpaque);
    }
  }
  /// An object of what `global` names.
  void push_opaque(ValueId global) {
    if (at(global).kind != Kind::kGlobal && at(global).kind != Kind::kOpaque)
      fail("an object of something that is no class");
    push_text(std::string(at(global).text), Kind::kOpaque);
  }

  // --- what PyTorch's globals mean
  // -------------------------------------------------------------------

  const std::string& text_of_value(ValueId id) const {
    if (at(id).kind != Kind::kText) fail("a text is missing");
    return at(id).text;
  }
  std::int64_t integer_of(ValueId id) const {
    if (at(id).kind != Kind::kInteger) fail("an integer is missing");
    return at(id).integer;
  }
  const std::vector<ValueId>& tuple_of(ValueId id, std::size_t least, std::size_t most) const {
    const Value& v = at(id);
    if (v.kind != Kind::kTuple || v.items.size() < least || v.items.size() > most)
      fail("a tuple of another length");
    return v.items;
  }

  // ('storage', torch.FloatStorage, key, device, elements[, view])
  void persistent() {
    const std::vector<ValueId> items = tuple_of(pop(), 5, 6);
    if (text_of_value(items[0]) != "storage" || at(items[1]).kind != Kind::kGlobal) {
      fail("a persistent object that is no storage", ErrorKind::kUnsupported);
    }
    const std::optional<ElementType> type = storage_type(at(items[1]).text);
    if (!type) fail("a storage of type " + at(items[1]).text, ErrorKind::kUnsupported);
    Storage s{*type, text_of_value(items[2]), integer_of(items[4]), 0};
    if (s.elements < 0) fail("a storage of negative size");
    if (items.size() == 6 && at(items[5]).kind != Kind::kNone) {
      const std::vector<ValueId>& view = tuple_of(items[5], 3, 3);
      s.first = integer_of(view[1]);
      s.elements = integer_of(view[2]);
      if (s.first < 0 || s.elements < 0) fail("an impossible view of a storage");
    }
    Value v;
    v.kind = Kind::kStorage;
    v.index = static_cast<std::uint32_t>(heap_.storages.size());
    const ValueId id = make(std::move(v));
    heap_.storages.push_back(std::move(s));
    push(id);
  }

  ValueId reduce(ValueId function, ValueId arguments) {
    if (at(function).kind != Kind::kGlobal && at(function).kind != Kind::kOpaque)
      fail("a call of something that is no function");
    const std::string name = at(function).text;
    Value v;
    if (at(function).kind == Kind::kOpaque) {  // not run
      v.kind = Kind::kOpaque;
      v.text = name;
      return make(std::move(v));
    }
    if (name == "collections OrderedDict") {
      (void)tuple_of(arguments, 0, 0);
      v.kind = Kind::kDict;
      return make(std::move(v));
    }
    if (name == "torch._utils _rebuild_tensor_v2") return rebuild(tuple_of(arguments, 6, 7));
    if (name == "torch._utils _rebuild_tensor") return rebuild(tuple_of(arguments, 4, 4));
    if (name.starts_with("torch._utils _rebuild_parameter")) {
      const ValueId tensor = tuple_of(arguments, 3, 4)[0];
      if (at(tensor).kind != Kind::kTensor) fail("a parameter without a tensor");
      return tensor;
    }
    if (name == "torch Size") {
      const ValueId sizes = tuple_of(arguments, 1, 1)[0];
      if (at(sizes).kind != Kind::kTuple && at(sizes).kind != Kind::kList)
        fail("extents are no tuple");
      return sizes;
    }
    if (name == "torch device" || name == "torch.serialization _get_layout") {
      v.kind = Kind::kOpaque;
      return make(std::move(v));
    }
    fail("a call of '" + printable(name) + "'", ErrorKind::kUnsupported);
  }

  Extents extents_of(ValueId id) const {
    Extents extents;
    for (const ValueId item : tuple_of(id, 0, kMostRank)) {
      extents.push_back(integer_of(item));
      if (extents.back() < 0) fail("a negative extent or stride", ErrorKind::kUnsupported);
    }
    return extents;
  }

  // (storage, offset, extents, strides, ...)
  ValueId rebuild(const std::vector<ValueId>& items) {
    if (at(items[0]).kind != Kind::kStorage) fail("a tensor without a storage");
    Tensor t{heap_.storages[at(items[0]).index], integer_of(items[1]), extents_of(items[2]),
             extents_of(items[3])};
    if (t.extents.size() != t.strides.size() || t.offset < 0) fail("an impossible tensor");
    if (count_of(t.extents) > 0) {
      // In steps that cannot overflow: the last element must lie in the storage.
      std::int64_t left = t.storage.elements - 1 - t.offset;
      for (std::size_t i = 0; i < t.extents.size() && left >= 0; ++i) {
        const std::int64_t steps = t.extents[i] - 1;
        if (steps > 0 && t.strides[i] > left / steps)
          left = -1;
        else
          left -= steps * t.strides[i];
      }
      if (left < 0) fail("a tensor larger than its storage");
    }
    Value v;
    v.kind = Kind::kTensor;
    v.index = static_cast<std::uint32_t>(heap_.tensors.size());
    const ValueId id = make(std::move(v));
    heap_.tensors.push_back(std::move(t));
    return id;
  }

  // Attributes set on what was built: state dicts carry "_metadata", which nobody needs.
  void build() {
    need(2);
    (void)pop();
    const Kind kind = at(stack_.back()).kind;
    if (kind != Kind::kDict && kind != Kind::kTensor && kind != Kind::kOpaque)
      fail("attributes for something that has none", ErrorKind::kUnsupported);
  }

  Heap& heap_;
  std::size_t items_{0};
  std::vector<ValueId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, ValueId> memo_;
};

}  // namespace

Result read(const BinaryFile& file, std::uint64_t begin, std::uint64_t end, Heap& heap) {
  if (begin > end || end > file.size()) {
    throw Error(ErrorKind::kInput, "pickle: it is cut short").at(file.path());
  }
  return Machine(file, begin, end, heap).run();
}

}  // namespace cutaway::weights::pickle
