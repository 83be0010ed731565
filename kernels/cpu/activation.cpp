#include "kernels/cpu/for_each.h"

#include "kernels/activation.inl"
