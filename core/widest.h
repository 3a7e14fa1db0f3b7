// One body for each width of the processor's vectors; which one runs is decided when the program starts.
#pragma once

// Before a function's definition.
#if defined(__x86_64__)
#define STRIDER_WIDEST [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define STRIDER_WIDEST
#endif
