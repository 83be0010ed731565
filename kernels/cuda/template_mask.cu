#define CUTAWAY_STREAM CudaStream
#include "kernels/cuda/for_each.cuh"
#include "kernels/template_mask.inl"
