import { Generator, ReferenceBackend, ShapeError, tensor } from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { ConvTranspose2d } from '../src/index.js'

const device = new ReferenceBackend()

describe('ConvTranspose2d', () => {
  test('has the shapes and the geometry of PyTorch', () => {
    const options = { stride: 2, padding: 1, outputPadding: 1, groups: 2, device, generator: new Generator(1) } as const
    const up = new ConvTranspose2d(4, 6, 3, options)
    expect([...up.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [4, 3, 3, 3]],
      ['bias', [6]],
    ])
    const x = tensor(new Float32Array(2 * 5 * 4 * 4), { shape: [2, 5, 4, 4], device })
    expect(up.forward(x).shape).toEqual([2, 10, 8, 6])
    expect(String(up)).toContain('4 → 6, 3×3, groups 2, stride 2, padding 1, outputPadding 1')
    expect(new ConvTranspose2d(4, 6, 3, { bias: false, device }).bias).toBeUndefined()
  })
  test('refuses groups and channels that do not fit', () => {
    expect(() => new ConvTranspose2d(4, 6, 3, { groups: 4, device })).toThrow(/4 groups must divide both 4 input and 6 output/)
    const x = tensor(new Float32Array(12), { shape: [1, 2, 2, 3], device })
    expect(() => new ConvTranspose2d(4, 6, 3, { device }).forward(x)).toThrow(ShapeError)
  })
})
