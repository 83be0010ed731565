#include "kernels/cpu/conv_direct_plan.h"

#include <algorithm>

#include "kernels/cpu/micro_kernel.h"

namespace cutaway::kernels::direct {
namespace {

/// A kernel position and the input position it reads, relative to the place of the output pixel.
struct Tap {
  std::int64_t u, v, h, w;
};

/// The taps along one axis that reach the outputs of residue `phase`: (kernel position, input
/// offset).
std::vector<std::pair<std::int64_t, std::int64_t>> axis_taps(bool adjoint,
                                                             std::int64_t phase,
                                                             std::int64_t kernel,
                                                             std::int64_t stride,
                                                             std::int64_t pad,
                                                             std::int64_t dilation) {
  std::vector<std::pair<std::int64_t, std::int64_t>> taps;
  for (std::int64_t u = 0; u < kernel; ++u) {
    const std::int64_t at = adjoint ? phase + pad - u * dilation : u * dilation - pad;
    if (!adjoint) {
      taps.emplace_back(u, at);
    } else if (at % stride == 0) {
      taps.emplace_back(u, at / stride);
    }
  }
  return taps;
}

std::vector<Tap> phase_taps(const Plan& plan,
                            const ConvGeometry& g,
                            std::int64_t h,
                            std::int64_t w) {
  std::vector<Tap> taps;
  for (const auto& [u, row] :
       axis_taps(plan.adjoint, h, g.kernel_h, g.stride_h, g.pad_h, g.dilation_h)) {
    for (const auto& [v, column] :
         axis_taps(plan.adjoint, w, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w)) {
      taps.push_back({u, v, row, column});
    }
  }
  return taps;
}

/// Widens the border to what the taps of a phase read.
void widen(Plan& plan, const Phase& phase, const std::vector<Tap>& taps) {
  for (const Tap& tap : taps) {
    plan.top = std::max(plan.top, -tap.h);
    plan.left = std::max(plan.left, -tap.w);
    plan.bottom =
        std::max(plan.bottom, (phase.rows - 1) * plan.in_step_h + tap.h - (plan.in.h - 1));
    plan.right =
        std::max(plan.right, (phase.columns - 1) * plan.in_step_w + tap.w - (plan.in.w - 1));
  }
}

void add_runs(const Plan& plan, const std::vector<Tap>& taps, Phase& phase) {
  const auto offset = [&](const Tap& tap) {
    return (tap.h + plan.top) * plan.stride_h + (tap.w + plan.left) * plan.stride_w;
  };
  if (plan.in_block == 1) {
    // The taps of one kernel row and one channel are a run: they come first to last, `dilation`
    // apart.
    for (std::size_t first = 0; first < taps.size();) {
      std::size_t end = first;
      while (end < taps.size() && taps[end].u == taps[first].u) ++end;
      for (std::int64_t c = 0; c < plan.in_channels; ++c) {
        phase.runs.push_back({offset(taps[first]) + c * plan.stride_b,
                              static_cast<std::int64_t>(end - first), taps[first].u, taps[first].v,
                              c});
      }
      first = end;
    }
    return;
  }
  for (const Tap& tap : taps) {
    for (std::int64_t c = 0; c < plan.in_channels; c += kBlock) {
      phase.runs.push_back({offset(tap) + c / kBlock * plan.stride_b,
                            std::min(kBlock, plan.in_channels - c), tap.u, tap.v, c});
    }
  }
}

Plan empty_plan(const ConvProblem& p) {
  Plan plan;
  plan.adjoint = p.pass == ConvPass::kBackwardData;
  plan.in = plan.adjoint ? p.y : p.x;
  plan.out = plan.adjoint ? p.x : p.y;
  plan.in_block = plan.adjoint ? p.y_layout.block : p.x_layout.block;
  plan.groups = p.g.groups;
  plan.in_channels = plan.in.c / p.g.groups;
  plan.out_channels = plan.out.c / p.g.groups;
  (plan.adjoint ? plan.out_step_h : plan.in_step_h) = p.g.stride_h;
  (plan.adjoint ? plan.out_step_w : plan.in_step_w) = p.g.stride_w;
  if (plan.in_block == 1) plan.run_step = p.g.dilation_w;
  return plan;
}

}  // namespace

Plan make_plan(const ConvProblem& p) {
  Plan plan = empty_plan(p);
  std::vector<std::vector<Tap>> taps;
  for (std::int64_t h = 0; h < std::min(plan.out_step_h, plan.out.h); ++h) {
    for (std::int64_t w = 0; w < std::min(plan.out_step_w, plan.out.w); ++w) {
      Phase phase;
      phase.first_h = h;
      phase.first_w = w;
      phase.rows = ceil_div(plan.out.h - h, plan.out_step_h);
      phase.columns = ceil_div(plan.out.w - w, plan.out_step_w);
      taps.push_back(phase_taps(plan, p.g, h, w));
      widen(plan, phase, taps.back());
      plan.phases.push_back(phase);
    }
  }
  plan.stride_w = plan.in_block;
  plan.stride_h = (plan.in.w + plan.left + plan.right) * plan.stride_w;
  plan.stride_b = (plan.in.h + plan.top + plan.bottom) * plan.stride_h;
  for (std::size_t i = 0; i < plan.phases.size(); ++i) {
    plan.phases[i].weight_row = plan.weight_rows;
    add_runs(plan, taps[i], plan.phases[i]);
    for (const Run& run : plan.phases[i].runs) plan.weight_rows += run.count;
  }
  return plan;
}

void pack_weights(
    const Plan& plan, const ConvGeometry& g, const float* w, float* packed, int threads) {
  constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);
  const std::int64_t padded = plan.out_padded(), panels = ceil_div(padded, kWide);
  const std::int64_t taps = std::int64_t{g.kernel_h} * g.kernel_w;
  // Forward weights are [out][in][tap]; of the adjoint, `in` and `out` change places.
  const std::int64_t out_stride = plan.adjoint ? taps : plan.in_channels * taps;
  const std::int64_t in_stride = plan.adjoint ? plan.out_channels * taps : taps;
#pragma omp parallel for schedule(static) num_threads(threads) collapse(2)
  for (std::int64_t group = 0; group < plan.groups; ++group) {
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      const std::int64_t first = panel * kWide, width = std::min(kWide, padded - first);
      float* to = packed + group * plan.weight_rows * padded + plan.weight_rows * first;
      const float* from =
          w + group * plan.in_channels * plan.out_channels * taps + first * out_stride;
      for (const Phase& phase : plan.phases) {
        for (const Run& run : phase.runs) {
          for (std::int64_t i = 0; i < run.count; ++i, to += width) {
            const std::int64_t c = plan.in_block == 1 ? run.c : run.c + i;
            const std::int64_t v = plan.in_block == 1 ? run.v + i : run.v;
            const float* row = from + c * in_stride + run.u * g.kernel_w + v;
            for (std::int64_t l = 0; l < width; ++l) {
              to[l] = first + l < plan.out_channels ? row[l * out_stride] : 0.0f;
            }
          }
        }
      }
    }
  }
}

}  // namespace cutaway::kernels::direct
