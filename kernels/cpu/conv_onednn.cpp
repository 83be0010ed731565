// oneDNN behind ConvPrimitive. Everything that differs between its versions 2 and 3 stands in this
// file.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "kernels/conv.h"
#include "kernels/cpu/library_isa.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

using dnnl::memory;
using Descriptor = memory::desc;
using MemoryMap = std::unordered_map<int, dnnl::memory>;

/// oneDNN takes its number of threads from OpenMP's, which belongs to the calling thread.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// Calls `f`, turning oneDNN's exceptions into ours.
template <class F>
auto guarded(const char* what, F&& f) {
  try {
    return f();
  } catch (const dnnl::error& e) {
    throw Error(ErrorKind::kDevice, std::string("oneDNN: ") + e.what()).at(what);
  }
}

// --- descriptors -----------------------------------------------------------------------

Descriptor activation(const Shape& s, Layout layout) {
  return {{s.n, s.c, s.h, s.w},
          memory::data_type::f32,
          layout == kPlain ? memory::format_tag::nchw : memory::format_tag::nChw16c};
}

/// The same with images as far apart as in the tensor that this is a slice of; empty when
/// impossible.
std::optional<Descriptor> sliced_activation(const Shape& s, Layout layout, std::int64_t stored) {
  Descriptor d = activation(s, layout);
  const std::int64_t own = round_up(s.c, layout.block);
  const std::int64_t whole = stored == 0 ? own : round_up(stored, layout.block);
  if (whole == own) return d;
  if (layout == kPlain) {
    return Descriptor({s.n, s.c, s.h, s.w}, memory::data_type::f32,
                      memory::dims{whole * s.plane(), s.plane(), s.w, 1});
  }
#if DNNL_VERSION_MAJOR >= 3
  if (s.c % layout.block != 0) return std::nullopt;
  return activation({s.n, whole, s.h, s.w}, layout)
      .submemory_desc({s.n, s.c, s.h, s.w}, {0, 0, 0, 0});
#else
  d.data.format_desc.blocking.strides[0] = whole * s.plane();
  return d;
#endif
}

Descriptor any_format(const Descriptor& d) {
#if DNNL_VERSION_MAJOR >= 3
  return {d.get_dims(), memory::data_type::f32, memory::format_tag::any};
#else
  return {d.dims(), memory::data_type::f32, memory::format_tag::any};
#endif
}

memory::dims weight_dims(const ConvProblem& p) {
  const ConvGeometry& g = p.g;
  if (g.groups == 1) return {p.y.c, p.x.c, g.kernel_h, g.kernel_w};
  return {g.groups, p.y.c / g.groups, p.x.c / g.groups, g.kernel_h, g.kernel_w};
}

Descriptor plain_weights(const ConvProblem& p) {
  return {weight_dims(p), memory::data_type::f32,
          p.g.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw};
}

/// A text that is equal for equal blocked formats of the same weights.
std::string format_key(const Descriptor& d) {
  std::string key = "onednn";
  const auto add = [&](const auto* values, int count) {
    key += '/';
    for (int i = 0; i < count; ++i) key += std::to_string(values[i]) + ',';
  };
#if DNNL_VERSION_MAJOR >= 3
  add(d.get_dims().data(), d.get_ndims());
  add(d.get_strides().data(), d.get_ndims());
  add(d.get_inner_blks().data(), d.get_inner_nblks());
  add(d.get_inner_idxs().data(), d.get_inner_nblks());
  key += '/' + std::to_string(d.get_size());
#else
  const auto& blocking = d.data.format_desc.blocking;
  add(&d.data.format_kind, 1);
  add(d.data.padded_dims, d.data.ndims);
  add(blocking.strides, d.data.ndims);
  add(blocking.inner_blks, blocking.inner_nblks);
  add(blocking.inner_idxs, blocking.inner_nblks);
#endif
  return key;
}

// --- primitives ------------------------------------------------------------------------

/// A convolution primitive of any pass with the descriptors it wants.
struct Built {
  Descriptor x, y, w, bias, scratchpad;
  std::string implementation;
  dnnl::primitive primitive;
  int threads{1};  ///< it was made for

  /// Vectorised code: neither the reference nor im2col.
  [[nodiscard]] bool fast() const {
    return implementation.rfind("jit", 0) == 0 || implementation.rfind("brg", 0) == 0;
  }
  [[nodiscard]] bool reference() const {
    return implementation.find("ref") != std::string::npos && implementation.rfind("gemm", 0) != 0;
  }
};

struct Extents {
  memory::dims strides, dilates, pad_before, pad_after;

  explicit Extents(const ConvProblem& p)
      : strides{p.g.stride_h, p.g.stride_w},
        dilates{p.g.dilation_h - 1, p.g.dilation_w - 1},
        pad_before{p.g.pad_h, p.g.pad_w},
        pad_after{after(p.x.h, p.y.h, p.g.kernel_h, p.g.stride_h, p.g.pad_h, p.g.dilation_h),
                  after(p.x.w, p.y.w, p.g.kernel_w, p.g.stride_w, p.g.pad_w, p.g.dilation_w)} {}

  /// oneDNN wants the padding that the last output really reads; negative when it stops short.
  static std::int64_t after(
      std::int64_t in, std::int64_t out, int kernel, int stride, int pad, int dilation) {
    return (out - 1) * stride + dilation * (kernel - 1) + 1 - in - pad;
  }
};

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::primitive_attr fused(const ConvProblem& p) {
  dnnl::primitive_attr attributes = user_scratchpad();
  if (p.relu) {
    dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#else
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
    attributes.set_post_ops(ops);
  }
  return attributes;
}

constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

dnnl::convolution_forward::primitive_desc forward_descriptor(const dnnl::engine& engine,
                                                             const ConvProblem& p,
                                                             const Descriptor& x,
                                                             const Descriptor& y) {
  const Descriptor w(weight_dims(p), memory::data_type::f32, memory::format_tag::any);
  const Descriptor b =
      p.bias ? Descriptor({p.y.c}, memory::data_type::f32, memory::format_tag::x) : Descriptor();
  const Extents e(p);
  const auto kind = p.pass == ConvPass::kForward ? dnnl::prop_kind::forward_inference
                                                 : dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine,    kind,      kAlgorithm,   x,           w,       b, y,
          e.strides, e.dilates, e.pad_before, e.pad_after, fused(p)};
#else
  return {dnnl::convolution_forward::desc(kind, kAlgorithm, x, w, b, y, e.strides, e.dilates,
                                          e.pad_before, e.pad_after),
          fused(p), engine};
#endif
}

Built build_forward(const dnnl::engine& engine,
                    const ConvProblem& p,
                    const Descriptor& x,
                    const Descriptor& y) {
  const auto pd = forward_descriptor(engine, p, x, y);
  return {pd.src_desc(),
          pd.dst_desc(),
          pd.weights_desc(),
          pd.bias_desc(),
          pd.scratchpad_desc(),
          pd.impl_info_str(),
          dnnl::convolution_forward(pd)};
}

template <class Backward>
typename Backward::primitive_desc backward_descriptor(const dnnl::engine& engine,
                                                      const ConvProblem& p,
                                                      const Descriptor& x,
                                                      const Descriptor& y) {
  const Descriptor w(weight_dims(p), memory::data_type::f32, memory::format_tag::any);
  const Extents e(p);
  const auto hint = forward_descriptor(engine, p, x, y);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kAlgorithm,       x, w, y, e.strides, e.dilates, e.pad_before, e.pad_after,
          hint,   user_scratchpad()};
#else
  return {
      typename Backward::desc(kAlgorithm, x, w, y, e.strides, e.dilates, e.pad_before, e.pad_after),
      user_scratchpad(), engine, hint};
#endif
}

Built build_backward_data(const dnnl::engine& engine,
                          const ConvProblem& p,
                          const Descriptor& x,
                          const Descriptor& y) {
  using Backward = dnnl::convolution_backward_data;
  const auto pd = backward_descriptor<Backward>(engine, p, x, y);
  return {pd.diff_src_desc(),   pd.diff_dst_desc(), pd.weights_desc(), Descriptor(),
          pd.scratchpad_desc(), pd.impl_info_str(), Backward(pd)};
}

Built build_backward_weights(const dnnl::engine& engine,
                             const ConvProblem& p,
                             const Descriptor& x,
                             const Descriptor& y) {
  using Backward = dnnl::convolution_backward_weights;
  const auto pd = backward_descriptor<Backward>(engine, p, x, y);
  return {pd.src_desc(), pd.diff_dst_desc(),   pd.diff_weights_desc(),
          Descriptor(),  pd.scratchpad_desc(), pd.impl_info_str(),
          Backward(pd)};
}

std::optional<Built> try_build(const dnnl::engine& engine,
                               const ConvProblem& p,
                               const Descriptor& x,
                               const Descriptor& y) {
  try {
    switch (p.pass) {
      case ConvPass::kForward:
        return build_forward(engine, p, x, y);
      case ConvPass::kBackwardData:
        return build_backward_data(engine, p, x, y);
      case ConvPass::kBackwardWeights:
        return build_backward_weights(engine, p, x, y);
    }
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

/// Empty when oneDNN has nothing for these descriptors. Its im2col products and its weight
/// gradients add in an order that depends on the number of threads; those get one.
std::optional<Built> build(const dnnl::engine& engine,
                           const ConvProblem& p,
                           const Descriptor& x,
                           const Descriptor& y) {
  std::optional<Built> built = try_build(engine, p, x, y);
  if (!built) return built;
  built->threads = omp_get_max_threads();
  if (built->threads > 1 && (!built->fast() || p.pass == ConvPass::kBackwardWeights)) {
    const ThreadScope one(1);
    built = try_build(engine, p, x, y);
  }
  return built;
}

// --- the engine ------------------------------------------------------------------------

/// One tensor of the primitive: what the caller has, what oneDNN wants, and the way between.
struct Slot {
  Descriptor user, used;
  std::optional<dnnl::reorder> convert;
  std::size_t offset{0};  ///< of the converted copy in the scratch memory

  void make(const dnnl::engine& engine, bool to_user) {
    if (user == used) return;
    const Descriptor& from = to_user ? used : user;
    const Descriptor& to = to_user ? user : used;
    convert.emplace(dnnl::reorder::primitive_desc(engine, from, engine, to, user_scratchpad()));
  }
};

constexpr std::size_t align64(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

class OnednnConv final : public ConvPrimitive {
 public:
  OnednnConv(const ConvProblem& p, dnnl::engine engine, Built built, Descriptor x, Descriptor y)
      : p_(p), engine_(std::move(engine)), built_(std::move(built)) {
    x_ = {std::move(x), built_.x, {}, 0};
    y_ = {std::move(y), built_.y, {}, 0};
    w_ = {plain_weights(p), built_.w, {}, 0};
    x_.make(engine_, p.pass == ConvPass::kBackwardData);
    y_.make(engine_, p.pass == ConvPass::kForward);
    w_.make(engine_, p.pass == ConvPass::kBackwardWeights);
    scratch_ = align64(built_.scratchpad.get_size());
    for (Slot* slot : {&x_, &y_, &w_}) {
      if (!slot->convert || (slot == &w_ && prepared_bytes() > 0)) continue;
      slot->offset = scratch_;
      scratch_ += align64(slot->used.get_size());
    }
  }

  [[nodiscard]] std::string_view engine() const noexcept override { return "onednn"; }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_; }
  [[nodiscard]] std::size_t prepared_bytes() const override {
    const bool once = p_.frozen && p_.pass != ConvPass::kBackwardWeights;
    return once && w_.convert ? w_.used.get_size() : 0;
  }
  [[nodiscard]] std::string prepared_format() const override {
    return prepared_bytes() > 0 ? format_key(w_.used) : std::string();
  }

  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    if (prepared_bytes() == 0) return;
    const ThreadScope threads(std::get<CpuStream>(stream).threads());
    guarded("prepare", [&] {
      dnnl::stream queue(engine_);
      convert(queue, w_, w, prepared);
      queue.wait();
    });
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    const ThreadScope threads(std::min(std::get<CpuStream>(stream).threads(), built_.threads));
    guarded("convolution", [&] {
      dnnl::stream queue(engine_);
      convolve(queue, a);
      queue.wait();
    });
  }

 private:
  [[nodiscard]] memory wrap(const Descriptor& d, const void* data) const {
    return {d, engine_, const_cast<void*>(data)};
  }

  void convert(dnnl::stream& queue, const Slot& slot, const void* from, void* to) const {
    slot.convert->execute(
        queue, {{DNNL_ARG_FROM, wrap(slot.user, from)}, {DNNL_ARG_TO, wrap(slot.used, to)}});
  }
  void convert_back(dnnl::stream& queue, const Slot& slot, const void* from, void* to) const {
    slot.convert->execute(
        queue, {{DNNL_ARG_FROM, wrap(slot.used, from)}, {DNNL_ARG_TO, wrap(slot.user, to)}});
  }

  /// What the primitive reads for a slot: the caller's memory or a converted copy in the scratch
  /// memory.
  [[nodiscard]] memory input(dnnl::stream& queue,
                             const Slot& slot,
                             const void* data,
                             std::byte* scratch) const {
    if (!slot.convert) return wrap(slot.used, data);
    convert(queue, slot, data, scratch + slot.offset);
    return wrap(slot.used, scratch + slot.offset);
  }
  [[nodiscard]] memory output(const Slot& slot, void* data, std::byte* scratch) const {
    return wrap(slot.used, slot.convert ? scratch + slot.offset : data);
  }
  [[nodiscard]] memory weights(dnnl::stream& queue, const ConvArguments& a) const {
    if (prepared_bytes() > 0) return wrap(w_.used, a.prepared);
    return input(queue, w_, a.w, a.scratch);
  }

  void convolve(dnnl::stream& queue, const ConvArguments& a) const {
    const float* in = a.in.data;
    float* out = p_.pass == ConvPass::kBackwardWeights ? a.dw : a.out.data;
    const Slot* result = &y_;
    MemoryMap map;
    if (built_.scratchpad.get_size() > 0)
      map[DNNL_ARG_SCRATCHPAD] = wrap(built_.scratchpad, a.scratch);
    switch (p_.pass) {
      case ConvPass::kForward:
        map[DNNL_ARG_SRC] = input(queue, x_, in, a.scratch);
        map[DNNL_ARG_WEIGHTS] = weights(queue, a);
        if (p_.bias) map[DNNL_ARG_BIAS] = wrap(built_.bias, a.bias);
        map[DNNL_ARG_DST] = output(y_, out, a.scratch);
        break;
      case ConvPass::kBackwardData:
        result = &x_;
        map[DNNL_ARG_DIFF_DST] = input(queue, y_, in, a.scratch);
        map[DNNL_ARG_WEIGHTS] = weights(queue, a);
        map[DNNL_ARG_DIFF_SRC] = output(x_, out, a.scratch);
        break;
      case ConvPass::kBackwardWeights:
        result = &w_;
        map[DNNL_ARG_SRC] = input(queue, x_, in, a.scratch);
        map[DNNL_ARG_DIFF_DST] = input(queue, y_, a.in2.data, a.scratch);
        map[DNNL_ARG_DIFF_WEIGHTS] = output(w_, out, a.scratch);
        break;
    }
    built_.primitive.execute(queue, map);
    if (result->convert) convert_back(queue, *result, a.scratch + result->offset, out);
  }

  ConvProblem p_;
  dnnl::engine engine_;
  Built built_;
  Slot x_, y_, w_;
  std::size_t scratch_{0};
};

bool known_layout(Layout layout) { return layout == kPlain || layout == kBlocked16; }

/// Tries, from the fastest: the caller's layouts as they are; oneDNN's own layouts with
/// conversions; im2col.
std::unique_ptr<ConvPrimitive> choose(const ConvProblem& p, std::string& declined) {
  match_library_isa();
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto x = sliced_activation(p.x, p.x_layout, p.x_stored_channels);
  const auto y = sliced_activation(p.y, p.y_layout, p.y_stored_channels);
  if (!x || !y) {
    declined = "a channel slice that ends inside a block";
    return nullptr;
  }
  const auto take = [&](std::optional<Built>& built) {
    return std::make_unique<OnednnConv>(p, engine, std::move(*built), *x, *y);
  };
  auto exact = build(engine, p, *x, *y);
  if (exact && exact->fast()) return take(exact);
  auto own = build(engine, p, any_format(*x), any_format(*y));
  if (own && own->fast()) return take(own);
  if (exact && !exact->reference()) return take(exact);
  if (own && !own->reference()) return take(own);
  declined = "oneDNN has no vectorised implementation for this geometry";
  return nullptr;
}

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_onednn(const ConvProblem& p, std::string& declined) {
  if (!known_layout(p.x_layout) || !known_layout(p.y_layout)) {
    declined = "channel blocks other than 1 and 16";
    return nullptr;
  }
  const ThreadScope threads(p.threads);
  return guarded("convolution", [&] { return choose(p, declined); });
}

}  // namespace cutaway::kernels
