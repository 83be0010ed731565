#include <algorithm>
#include <cstring>
#include <limits>

#include "layers/executor.h"
#include "runtime/error.h"

// The checks of a guarded plan (PlanRequest::guard): values hold NaN before they are written and
// after they die, and the bytes behind every value must stay as they were.
namespace cutaway {
namespace {

constexpr std::byte kCanary{0xC5};
constexpr std::size_t kCanaryBytes = 64;

void poison(const TensorRef& ref) {
  if (!ref || ref.dtype() != DType::kF32) return;
  const View<float> v = ref.out();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t n = 0; n < v.shape.n; ++n) {
    for (std::int64_t cb = 0; cb < v.blocks(); ++cb) {
      for (std::int64_t h = 0; h < v.shape.h; ++h) {
        for (std::int64_t w = 0; w < v.shape.w; ++w) {
          float* at = v.data + n * v.stride_n + cb * v.stride_b + h * v.stride_h + w * v.stride_w;
          std::fill(at, at + v.lanes(), nan);
        }
      }
    }
  }
}

}  // namespace

bool Executor::alive(const Value& v, const Step& step, int group) const {
  const bool in_turn = v.life.group < 0 || v.life.group == group;
  return v.parent == kNoValue && in_turn && v.life.first <= step.time && step.time <= v.life.last;
}

void Executor::guard_before(const Bound& b, int group) {
  const Step& step = *b.step;
  for (const Value& v : plan_.values()) {
    if (!alive(v, step, group)) continue;
    std::memset(arena_->data() + v.offset + v.life.bytes, static_cast<int>(kCanary), kCanaryBytes);
  }
  const auto reads = [&](ValueId value) {
    return value == step.dy || std::ranges::find(step.in, value) != step.in.end();
  };
  // Slices already in place make a concatenation's output partly written.
  const bool whole = std::ranges::find(step.in, kNoValue) == step.in.end();
  if (step.kind == Step::Kind::kForward && whole && !reads(step.out)) poison(b.out);
  if (step.kind == Step::Kind::kBackward) {
    for (std::size_t j = 0; j < step.dx.size(); ++j) {
      if (step.dx[j] != kNoValue && !reads(step.dx[j])) poison(b.dx[j]);
    }
  }
}

void Executor::guard_after(const Bound& b, int group) {
  for (std::size_t i = 0; i < plan_.values().size(); ++i) {
    const Value& v = plan_.values()[i];
    if (!alive(v, *b.step, group)) continue;
    const std::byte* canary = arena_->data() + v.offset + v.life.bytes;
    for (std::size_t j = 0; j < kCanaryBytes; ++j) {
      if (canary[j] != kCanary) {
        throw Error(ErrorKind::kInternal, "a step wrote behind value '" + v.name + "'")
            .at(model_.graph.node(b.step->node).name);
      }
    }
    if (v.life.last == b.step->time) poison(refs_[i]);
  }
}

}  // namespace cutaway
