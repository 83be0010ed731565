#pragma once

#include "kernels/conv.h"
#include "kernels/conv_weights.h"

/// The CUDA kernels around library convolutions, without CUDA's headers.
namespace cutaway::kernels {

void launch(CudaStream& stream, const WeightsToKrsc& op);
void launch(CudaStream& stream, const KrscToWeights& op);
/// Writes `count` floats.
void launch(CudaStream& stream, const PadVector& op, std::int64_t count);

/// y += bias of its channel, then max(y, 0) if relu; channels from the bias on (padding) get no
/// bias. bias may be null.
void conv_epilogue(CudaStream& stream, const View<float>& y, const float* bias, bool relu);

}  // namespace cutaway::kernels
