#define CUTAWAY_STREAM CpuStream
#include "kernels/window.inl"
#include "kernels/cpu/for_each.h"
