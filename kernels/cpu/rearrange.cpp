#include "kernels/cpu/for_each.h"

#include "kernels/rearrange.inl"
