#include "kernels/cpu/for_each.h"

#include "kernels/template_mask.inl"
