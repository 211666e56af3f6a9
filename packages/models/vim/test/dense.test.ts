import { Generator, ReferenceBackend, zeros } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { VimDetectionBackbone, VimFeaturePyramid, VimSegmentationBackbone } from '../src/index.js'

const device = new ReferenceBackend()
const options = () => ({ device, generator: new Generator(1) })
const tiny = { imgSize: 64, depth: 2, embedDim: 16 } as const
const images = zeros([1, 64, 64, 3], { device })

test('four levels, from one layer or from several, for either patch size', () => {
  for (const outIndices of [[1], [0, 1, 0, 1]]) {
    using model = new VimSegmentationBackbone({ ...tiny, outIndices }, options()).eval()
    expect(model.forward(images).map(({ shape }) => shape[1])).toEqual([16, 8, 4, 2])
    using fine = new VimSegmentationBackbone({ ...tiny, patchSize: 8, stride: 8, outIndices }, options()).eval()
    expect(fine.forward(images).map(({ shape }) => shape[1])).toEqual([16, 8, 4, 2])
    expect([...fine.stateDict().keys()].filter((key) => key.startsWith('fpn'))).toEqual(['fpn1.0.weight', 'fpn1.0.bias'])
  }
})

test('the detection backbone has no last norm to apply', () => {
  using model = new VimDetectionBackbone({ ...tiny, lastLayer: 'add & norm' }, options()).eval()
  expect(() => model.forward(images)).toThrow(/use "add" or "none"/)
})

test('the pyramid has five levels of as many channels', () => {
  using model = new VimFeaturePyramid({ ...tiny, outChannels: 6, lastLayer: 'add' }, options()).eval()
  expect(model.forward(images).map(({ shape }) => shape)).toEqual([16, 8, 4, 2, 1].map((side) => [1, side, side, 6]))
})
