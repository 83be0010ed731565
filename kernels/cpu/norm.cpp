#include "kernels/cpu/for_each.h"

#include "kernels/norm.inl"
