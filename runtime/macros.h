#pragma once

// The two words that let one function serve g++ and nvcc.
#if defined(__CUDACC__)
#define CUTAWAY_HD __host__ __device__
#else
#define CUTAWAY_HD
#endif
#define CUTAWAY_INLINE inline __attribute__((always_inline))
