#define CUTAWAY_STREAM LevelStream
#include "kernels/cpu/for_each.h"

#include "kernels/image.inl"
