#define CUTAWAY_STREAM CudaStream
#include "kernels/cuda/for_each.cuh"

#include "kernels/broadcast.inl"
