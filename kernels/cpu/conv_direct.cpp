// Direct convolution by a register tile of pixels and channels: every kernel, stride and dilation,
// outputs in blocks of 16 channels. The engine for what Winograd does not take.
#include <algorithm>
#include <cstring>

#include "kernels/conv.h"
#include "kernels/cpu/conv_direct_kernel.h"
#include "kernels/cpu/conv_direct_plan.h"
#include "kernels/cpu/conv_direct_weights.h"
#include "kernels/cpu/level.h"
#include "kernels/cpu/micro_kernel.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

using direct::kBlock;
using direct::Phase;
using direct::Plan;
using direct::Run;

constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);
/// Packed weights that one row of pixels works on at a time: half of a second-level cache.
constexpr std::int64_t kWeightFloats = 48 * 1024;
/// Packed weights of a whole convolution that stay in the second-level cache beside the pixels of a
/// job.
constexpr std::int64_t kAllWeightFloats = 256 * 1024;
/// Output pixels of a job, so that weights are read from the cache for many.
constexpr std::int64_t kJobPixels = 96;
/// Copied inputs that are alive at a time.
constexpr std::int64_t kCopyFloats = 1024 * 1024;

/// A range of runs whose weights fit the cache, and where those start in a panel, in rows.
struct Piece {
  std::size_t first, count;
  std::int64_t weight_row;
};

std::vector<Piece> cut(const Phase& phase) {
  std::vector<Piece> pieces;
  std::int64_t row = phase.weight_row, rows = 0;
  Piece piece{0, 0, row};
  for (std::size_t i = 0; i < phase.runs.size(); ++i) {
    if (piece.count > 0 && (rows + phase.runs[i].count) * kWide > kWeightFloats) {
      pieces.push_back(piece);
      row += rows;
      piece = {i, 0, row};
      rows = 0;
    }
    ++piece.count;
    rows += phase.runs[i].count;
  }
  pieces.push_back(piece);
  return pieces;
}

/// What every job of a run() shares.
struct Call {
  View<const float> in;
  View<float> out;
  const float* weights;
  const float* bias;  ///< padded to whole panels a group
  float* copies;      ///< of the input with zeros around it, or null
  std::int64_t first_image, images;
};

class DirectConv final : public ConvPrimitive {
 public:
  explicit DirectConv(const ConvProblem& p) : p_(p), plan_(direct::make_plan(p)) {
    flatten();
    for (const Phase& phase : plan_.phases) pieces_.push_back(cut(phase));
    images_ = plan_.copies()
                  ? std::clamp<std::int64_t>(kCopyFloats / plan_.image_floats(), 1, p.x.n)
                  : p.x.n;
  }

  [[nodiscard]] std::string_view engine() const noexcept override { return "direct"; }
  [[nodiscard]] std::size_t scratch_bytes() const override {
    std::int64_t floats = bias_floats() + (p_.frozen ? 0 : plan_.packed_floats());
    if (plan_.copies()) floats += images_ * plan_.image_floats();
    return static_cast<std::size_t>(floats) * sizeof(float);
  }
  [[nodiscard]] std::size_t prepared_bytes() const override {
    return p_.frozen ? static_cast<std::size_t>(plan_.packed_floats()) * sizeof(float) : 0;
  }
  [[nodiscard]] std::string prepared_format() const override {
    if (!p_.frozen) return {};
    std::string key = "direct";
    const auto add = [&](std::int64_t value) { key.append("/").append(std::to_string(value)); };
    add(kWide);
    add(plan_.in_block);
    add(plan_.groups);
    if (!plan_.adjoint) return key;
    // The order of the taps depends on the residues, and those on the geometry.
    add(static_cast<std::int64_t>(plan_.phases.size()));
    for (const int value :
         {p_.g.stride_h, p_.g.stride_w, p_.g.pad_h, p_.g.pad_w, p_.g.dilation_h, p_.g.dilation_w}) {
      add(value);
    }
    return key;
  }
  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    if (!p_.frozen) return;
    direct::pack_weights(plan_, p_.g, w, reinterpret_cast<float*>(prepared),
                         std::get<CpuStream>(stream).threads());
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    check(a.in.block == plan_.in_block && a.out.block == kBlock &&
              a.in.stride_h == a.in.shape.w * a.in.block &&
              a.in.stride_b == a.in.shape.h * a.in.stride_h,
          "direct convolution: tensors of another geometry");
    const int threads = std::get<CpuStream>(stream).threads();
    float* memory = reinterpret_cast<float*>(a.scratch);
    Call call{a.in, a.out, reinterpret_cast<const float*>(a.prepared), memory, nullptr, 0, images_};
    fill_bias(a.bias, memory);
    memory += bias_floats();
    if (!p_.frozen) {
      direct::pack_weights(plan_, p_.g, a.w, memory, threads);
      call.weights = memory;
      memory += plan_.packed_floats();
    }
    if (plan_.copies()) call.copies = memory;
    for (; call.first_image < a.in.shape.n; call.first_image += images_) {
      call.images = std::min(images_, a.in.shape.n - call.first_image);
      if (call.copies != nullptr) copy_inputs(call, threads);
      convolve(call, threads);
    }
  }

 private:
  [[nodiscard]] std::int64_t bias_floats() const {
    return plan_.groups * round_up(plan_.out_channels, kWide);
  }

  /// Without kernel, stride and border, an image is one long row.
  void flatten() {
    const bool pointwise = p_.g.kernel_h * p_.g.kernel_w == 1 && plan_.phases.size() == 1 &&
                           plan_.in.h == plan_.out.h && plan_.in.w == plan_.out.w;
    if (!pointwise || plan_.copies()) return;
    Phase& phase = plan_.phases.front();
    phase.columns *= phase.rows;
    phase.rows = 1;
    flat_ = true;
  }

  void fill_bias(const float* bias, float* to) const {
    const std::int64_t padded = round_up(plan_.out_channels, kWide);
    std::fill(to, to + bias_floats(), 0.0f);
    if (!p_.bias) return;
    for (std::int64_t group = 0; group < plan_.groups; ++group) {
      std::copy(bias + group * plan_.out_channels, bias + (group + 1) * plan_.out_channels,
                to + group * padded);
    }
  }

  void copy_inputs(const Call& call, int threads) const {
    const std::int64_t blocks = ceil_div(plan_.in.c, plan_.in_block);
    const std::int64_t rows = plan_.stride_b / plan_.stride_h;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t i = 0; i < call.images * blocks * rows; ++i) {
      const std::int64_t n = i / (blocks * rows), block = i / rows % blocks,
                         row = i % rows - plan_.top;
      float* to = call.copies + n * plan_.image_floats() + block * plan_.stride_b +
                  i % rows * plan_.stride_h;
      float* end = to + plan_.stride_h;
      if (row < 0 || row >= plan_.in.h) {
        std::fill(to, end, 0.0f);
        continue;
      }
      const float* from = call.in.data + (call.first_image + n) * call.in.stride_n +
                          block * call.in.stride_b + row * call.in.stride_h;
      std::fill(to, to + plan_.left * plan_.stride_w, 0.0f);
      to = std::copy(from, from + plan_.in.w * plan_.stride_w, to + plan_.left * plan_.stride_w);
      std::fill(to, end, 0.0f);
    }
  }

  void convolve(const Call& call, int threads) const {
    const std::int64_t padded = plan_.out_padded(), panels = ceil_div(padded, kWide);
    for (std::size_t i = 0; i < plan_.phases.size(); ++i) {
      const Phase& phase = plan_.phases[i];
      // A job is some rows of a phase, or a part of the only row.
      const std::int64_t pixels = flat_ ? 1 : phase.columns;
      // Equal jobs: 196 pixels are 2 of 98, not 96 + 96 + 4.
      const std::int64_t units = flat_ ? phase.columns : phase.rows;
      const std::int64_t most = std::max<std::int64_t>(1, kJobPixels / pixels);
      const std::int64_t per_job =
          ceil_div(units, std::max<std::int64_t>(1, (units + most / 2) / most));
      const std::int64_t parts = ceil_div(units, per_job);
      const std::int64_t all_panels = plan_.groups * panels, all_parts = call.images * parts;
      // Whichever of the two stays in the second-level cache is read again and again: the weights
      // of all panels, or those of one panel with the pixels streaming by.
      const bool panels_inside = plan_.packed_floats() <= kAllWeightFloats;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
      for (std::int64_t index = 0; index < all_panels * all_parts; ++index) {
        const std::int64_t panel = panels_inside ? index % all_panels : index / all_parts;
        const std::int64_t part = panels_inside ? index / all_panels : index % all_parts;
        job(call, phase, pieces_[i], panel / panels, panel % panels * kWide, part / parts,
            part % parts * per_job, per_job);
      }
    }
  }

  /// Some rows of one phase (or some pixels of the only row) for one panel of output channels.
  void job(const Call& call,
           const Phase& phase,
           const std::vector<Piece>& pieces,
           std::int64_t group,
           std::int64_t channel,
           std::int64_t image,
           std::int64_t first,
           std::int64_t count) const {
    const std::int64_t padded = plan_.out_padded(), width = std::min(kWide, padded - channel);
    const std::int64_t n = call.first_image + image;
    const float* in = (call.copies != nullptr ? call.copies + image * plan_.image_floats()
                                              : call.in.data + n * call.in.stride_n) +
                      group * plan_.in_channels / plan_.in_block * plan_.stride_b;
    float* out = call.out.data + n * call.out.stride_n +
                 (group * plan_.out_channels + channel) / kBlock * call.out.stride_b +
                 phase.first_h * call.out.stride_h + phase.first_w * call.out.stride_w;
    const float* weights =
        call.weights + group * plan_.weight_rows * padded + plan_.weight_rows * channel;
    direct::RowJob row;
    row.in_pixel = plan_.in_step_w * plan_.stride_w;
    row.run_step = plan_.run_step;
    row.width = width;
    row.channels = std::min(width, plan_.out_channels - channel);
    row.out_pixel = plan_.out_step_w * call.out.stride_w;
    row.out_block = call.out.stride_b;
    row.ahead = flat_ && plan_.in_block == kBlock;
    row.pixels = flat_ ? std::min(count, phase.columns - first) : phase.columns;
    const std::int64_t end = flat_ ? first + 1 : std::min(first + count, phase.rows);
    for (const Piece& piece : pieces) {
      row.runs = std::span(phase.runs).subspan(piece.first, piece.count);
      row.weights = weights + piece.weight_row * width;
      row.start = &piece == &pieces.front()
                      ? call.bias + group * round_up(plan_.out_channels, kWide) + channel
                      : nullptr;
      row.relu = p_.relu && &piece == &pieces.back();
      for (std::int64_t i = first; i < end; ++i) {
        row.in = in + i * (flat_ ? plan_.stride_w : plan_.in_step_h * plan_.stride_h);
        row.out = out + i * (flat_ ? call.out.stride_w : plan_.out_step_h * call.out.stride_h);
        direct::convolve_row(row);
        if (&piece == &pieces.back()) clear_padding(row);
      }
    }
  }

  /// Lanes beyond the last channel become zero whatever the inputs were (0 times infinity is not).
  static void clear_padding(const direct::RowJob& row) {
    if (row.channels == row.width) return;
    float* block = row.out + row.channels / kBlock * row.out_block;
    for (std::int64_t i = 0; i < row.pixels; ++i, block += row.out_pixel) {
      std::fill(block + row.channels % kBlock, block + kBlock, 0.0f);
    }
  }

  ConvProblem p_;
  Plan plan_;
  std::vector<std::vector<Piece>> pieces_;
  std::int64_t images_{1};
  bool flat_{false};
};

/// More channels than an image's: worth a copy in blocks of channels.
constexpr std::int64_t kPlainChannels = 8;

std::string why_not(const ConvProblem& p) {
  const bool adjoint = p.pass == ConvPass::kBackwardData;
  if (!(p.y_layout == kBlocked16)) return "y not in blocks of 16 channels";
  if (!(p.x_layout == kBlocked16) && (adjoint || !(p.x_layout == kPlain)))
    return "x not in blocks of 16 channels";
  if (p.x_layout == kPlain && p.x.c > kPlainChannels) return "x is plain with many channels";
  if (p.g.groups > 1) {
    if (p.y.c / p.g.groups % kBlock != 0)
      return "output channels of a group are not a multiple of 16";
    if (p.x_layout == kBlocked16 && p.x.c / p.g.groups % kBlock != 0)
      return "input channels of a group are not a multiple of 16";
  }
  return {};
}

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_direct(ThisLevel,
                                                const ConvProblem& p,
                                                std::string& declined) {
  declined = why_not(p);
  if (!declined.empty()) return nullptr;
  if (p.pass == ConvPass::kBackwardWeights) return direct::make_backward_weights(p);
  return std::make_unique<DirectConv>(p);
}

}  // namespace cutaway::kernels
