import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@scanline/source'] },
  ssr: { resolve: { conditions: ['@scanline/source'] } },
  test: {
    include: ['packages/*/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'tools/*/test/**/*.test.ts'],
    testTimeout: 30_000,
    // Node 20 hides relaxed SIMD behind a flag that must be set before the first WebAssembly compile; the wasm backend does it itself.
    pool: 'forks',
    maxWorkers: 2,
  },
})
