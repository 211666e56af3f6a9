import { describe, expect, it } from 'vitest'
import { multiplyAddLoop, triadBytes, triadElements, triadIterations, triadLoop } from '../src/limits/loops.js'
import { enableFused, measureLimits } from '../src/limits/measure.js'

const instantiate = async (bytes: Uint8Array<ArrayBuffer>) => (await WebAssembly.instantiate(bytes)).instance.exports

describe('the loops that limits are measured with', () => {
  it('multiplies and adds on every chain as often as it is told', async () => {
    const [chains, iterations] = [3, 50]
    const expected = [3, 4, 5].reduce((total, start) => {
      let sum = Math.fround(start)
      for (let i = 0; i < iterations; i++) sum = Math.fround(Math.fround(sum * Math.fround(0.999)) + Math.fround(0.001))
      return total + sum
    }, 0)
    for (const fused of enableFused() ? [false, true] : [false]) {
      const block = (await instantiate(multiplyAddLoop(chains, fused))).block as (iterations: number) => number
      expect(block(iterations)).toBeCloseTo(expected, 4)
    }
  })

  it('writes a whole array of b + 3 c', async () => {
    // The module keeps its memory to itself; an exported one shows what the loop does to it.
    const bytes = triadLoop()
    const exported = withExportedMemory(bytes)
    const { block, memory } = (await instantiate(exported)) as {
      block: (iterations: number, at: number) => void
      memory: WebAssembly.Memory
    }
    expect(memory.buffer.byteLength).toBe(triadBytes)
    const [a, b, c] = [0, 1, 2].map((k) => new Float32Array(memory.buffer, 4 * k * triadElements, triadElements))
    for (let i = 0; i < triadElements; i++) {
      b[i] = i % 7
      c[i] = i % 5
    }
    block(triadIterations, 0)
    expect(a.findIndex((v, i) => v !== (i % 7) + 3 * (i % 5))).toBe(-1)
  })

  it('gives a finite ceiling and bandwidth for two threads', async () => {
    const { threads, gflops, gbytes } = await measureLimits(2)
    expect(threads).toBe(2)
    expect(gflops).toBeGreaterThan(0)
    expect(gbytes).toBeGreaterThan(0)
    expect(Number.isFinite(gflops + gbytes)).toBe(true)
  })
})

/** The export section is the only one that names `block`; a second entry is put into it. */
function withExportedMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(bytes)
  const at = text.indexOf(Buffer.from([7, 9, 1, 5, ...Buffer.from('block'), 0, 0]))
  const section = Buffer.from([7, 18, 2, 5, ...Buffer.from('block'), 0, 0, 6, ...Buffer.from('memory'), 2, 0])
  return Uint8Array.from(Buffer.concat([text.subarray(0, at), section, text.subarray(at + 11)]))
}
