#define CUTAWAY_STREAM CudaStream
#include "kernels/cuda/for_each.cuh"

#include "kernels/group_norm.inl"
