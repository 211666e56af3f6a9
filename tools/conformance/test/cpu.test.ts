import { createCpuBackend, explainCpu, isCpuAvailable } from '@scanline/cpu'
import { describe, expect, it } from 'vitest'
import { conformance } from '../src/index.js'

/** Ops that have no native kernel yet, and samples that use one of them. Each kernel takes its op out. */
const unfinished = new Set([
  'selectiveScan',
  'selectiveScanGrad',
  'bidirectionalScan',
])
const skip = ({ op }: { readonly op: string }) => (unfinished.has(op) ? 'no native kernel yet' : undefined)

if (!isCpuAvailable()) {
  it.skip(`the native backend: ${explainCpu()}`, () => {})
} else {
  describe('cpu, one thread', () => {
    conformance(() => createCpuBackend({ threads: 1 }), { skip }, { describe, it })
  })

  describe('cpu, three threads', () => {
    const create = async () => {
      const backend = await createCpuBackend({ threads: 3 })
      expect(backend.capabilities.threads).toBe(3)
      return backend
    }
    conformance(create, { share: 0.12, skip }, { describe, it })
  })
}
