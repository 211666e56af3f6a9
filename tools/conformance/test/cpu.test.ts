import { createCpuBackend, explainCpu, isCpuAvailable } from '@scanline/cpu'
import { describe, expect, it } from 'vitest'
import { conformance } from '../src/index.js'

if (!isCpuAvailable()) {
  it.skip(`the native backend: ${explainCpu()}`, () => {})
} else {
  describe('cpu, one thread', () => {
    conformance(() => createCpuBackend({ threads: 1 }), {}, { describe, it })
  })

  describe('cpu, three threads', () => {
    const create = async () => {
      const backend = await createCpuBackend({ threads: 3 })
      expect(backend.capabilities.threads).toBe(3)
      return backend
    }
    conformance(create, { share: 0.12 }, { describe, it })
  })
}
