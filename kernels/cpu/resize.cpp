#define CUTAWAY_STREAM CpuStream
#include "kernels/cpu/for_each.h"

#include "kernels/resize.inl"
