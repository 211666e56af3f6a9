import { createWasmBackend } from '@scanline/wasm'
import { describe, it } from 'vitest'
import { conformance } from '../src/index.js'

describe('wasm, one thread', () => {
  conformance(() => createWasmBackend({ threads: 1 }), {}, { describe, it })
})

describe('wasm, two threads', () => {
  conformance(() => createWasmBackend({ threads: 2 }), { share: 0.12 }, { describe, it })
})

describe('wasm, without relaxed SIMD', () => {
  conformance(() => createWasmBackend({ threads: 1, relaxedSimd: false }), { share: 0.08 }, { describe, it })
})
