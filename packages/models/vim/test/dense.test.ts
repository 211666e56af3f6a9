import { Generator, ReferenceBackend, type Tensor, zeros } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { resizePosEmbed, Vim, VimDetectionBackbone, VimFeaturePyramid, VimSegmentationBackbone } from '../src/index.js'

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

test('a classifier’s weights: the class token goes, the table is resized, new layers keep their start', async () => {
  using classifier = new Vim({ ...tiny, imgSize: 48, numClasses: 3 }, options())
  const data = async (t: Tensor) => [...(await t.data())].map(Number)
  const rows = await data(classifier.posEmbed!)
  using backbone = new VimSegmentationBackbone({ ...tiny, imgSize: 48, outIndices: [0, 1, 0, 1] }, options())
  const start = await data(backbone.fpn1[0].weight)
  const weights = [...classifier.stateDict()].map(([name, t]) => [`module.${name}`, t] as const)
  await backbone.loadStateDict(weights, { classToken: 'middle' })
  // 9 patches, class token at 4.
  expect(await data(backbone.posEmbed!)).toEqual([...rows.slice(0, 64), ...rows.slice(80)])
  expect(await data(backbone.fpn1[0].weight)).toEqual(start)
  expect(await data(backbone.layers[1].mixer.inProj.weight)).toEqual(await data(classifier.layers[1].mixer.inProj.weight))
  // As published: the first row goes, whatever it is.
  await backbone.loadStateDict(weights)
  expect(await data(backbone.posEmbed!)).toEqual(rows.slice(16))

  using wider = new VimDetectionBackbone({ ...tiny, imgSize: [64, 96], lastLayer: 'add' }, { device })
  await wider.loadStateDict(weights, { classToken: 'middle' })
  const resized = resizePosEmbed(classifier.posEmbed!, { from: [3, 3], to: [4, 6], classToken: 'middle' })
  const expected = await data(resized)
  const wanted = [...expected.slice(0, 12 * 16), ...expected.slice(13 * 16)]
  for (const [i, v] of (await data(wider.posEmbed!)).entries()) expect(v).toBeCloseTo(wanted[i], 6)
  expect(wider.eval().forward(zeros([1, 64, 96, 3], { device })).shape).toEqual([1, 4, 6, 16])

  using bare = new VimSegmentationBackbone({ ...tiny, imgSize: 48, outIndices: [1] }, { device })
  expect(() => bare.loadStateDict(weights)).toThrow(/"fpn1.0.weight".*build the backbone with a generator/)
})

test('rotary tables are those of the own grid, and a file of the backbone loads as it is', async () => {
  const rope = { rope: true, ropeResidual: true } as const
  using classifier = new Vim({ ...tiny, ...rope, classToken: 'none', finalPool: 'mean', numClasses: 3 }, options())
  using backbone = new VimDetectionBackbone({ ...tiny, ...rope, imgSize: 96, lastLayer: 'add' }, { device })
  const table = [...(await backbone.rope!.freqsCos.data())]
  await backbone.loadStateDict(classifier.stateDict())
  expect([...(await backbone.rope!.freqsCos.data())]).toEqual(table)
  using same = new VimDetectionBackbone({ ...tiny, ...rope, imgSize: 96, lastLayer: 'add' }, { device })
  await same.loadStateDict([...backbone.stateDict()].map(([name, t]) => [`backbone.net.${name}`, t]))
  expect([...(await same.posEmbed!.data())]).toEqual([...(await backbone.posEmbed!.data())])
})

test('a pyramid takes its part of a detector’s file', async () => {
  using pyramid = new VimFeaturePyramid({ ...tiny, outChannels: 6, lastLayer: 'add' }, options())
  using other = new VimFeaturePyramid({ ...tiny, outChannels: 6, lastLayer: 'add' }, { device })
  const file = [...pyramid.stateDict()].map(([name, t]) => [`backbone.${name}`, t] as const)
  await other.loadStateDict([...file, ['roi_heads.box_head.fc1.weight', zeros([2, 2], { device })]])
  expect([...(await other.simfp_4[0].weight.data())]).toEqual([...(await pyramid.simfp_4[0].weight.data())])
})
