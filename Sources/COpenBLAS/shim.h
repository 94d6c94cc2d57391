#pragma once
#include <cblas.h>

// What the processor that this is compiled for can do, which Swift cannot ask: floats in its widest vector, and
// whether it multiplies and adds in one rounding (otherwise that would be a function call for each number).
#if defined(__AVX512F__)
#define FROSTLINE_VECTOR_FLOATS 16
#else
#define FROSTLINE_VECTOR_FLOATS 8
#endif
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FROSTLINE_FUSED 1
#else
#define FROSTLINE_FUSED 0
#endif
