import type { Backend } from '@scanline/tensor'
import { afterAll, beforeAll, describe } from 'vitest'
import { createWasmBackend, type WasmOptions } from '../src/index.js'

const settings: Record<string, WasmOptions> = {
  'one thread': { threads: 1 },
  'two threads': { threads: 2 },
  'one thread without relaxed SIMD': { threads: 1, relaxedSimd: false },
}

/** Runs the same tests on every way the backend works. */
export function eachBackend(name: string, tests: (backend: () => Backend) => void): void {
  describe.each(Object.entries(settings))(`${name}, %s`, (_, options) => {
    let backend: Backend
    beforeAll(async () => {
      backend = await createWasmBackend(options)
      if (backend.capabilities.threads !== options.threads)
        throw new Error(`asked for ${options.threads} threads, got ${backend.capabilities.threads}`)
    })
    afterAll(() => backend.dispose())
    tests(() => backend)
  })
}
