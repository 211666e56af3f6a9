// Instruction sets of this architecture, best first; scripts/build-native.mjs has the compiler's flags for each.
#if defined(__x86_64__)
SCANLINE_LEVEL(avx512)
SCANLINE_LEVEL(avx2)
#elif defined(__aarch64__)
SCANLINE_LEVEL(neon)
#endif
