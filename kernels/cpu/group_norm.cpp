#include "kernels/cpu/for_each.h"

#include "kernels/group_norm.inl"
