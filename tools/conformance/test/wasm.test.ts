import { createWasmBackend } from '@scanline/wasm'
import { describe, expect, it } from 'vitest'
import { conformance } from '../src/index.js'

describe('wasm, one thread', () => {
  conformance(() => createWasmBackend({ threads: 1 }), {}, { describe, it })
})

describe('wasm, two threads', () => {
  const create = async () => {
    const backend = await createWasmBackend({ threads: 2 })
    expect(backend.capabilities.threads).toBe(2)
    return backend
  }
  conformance(create, { share: 0.12 }, { describe, it })
})

describe('wasm, without relaxed SIMD', () => {
  const create = async () => {
    const backend = await createWasmBackend({ threads: 1, relaxedSimd: false })
    expect(backend.capabilities.features.relaxedSimd).toBe(false)
    return backend
  }
  conformance(create, { share: 0.08 }, { describe, it })
})
