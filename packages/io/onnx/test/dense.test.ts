import { EfficientViMBackbone, EfficientViMFpn } from '@scanline/efficientvim'
import { MambaVisionBackbone } from '@scanline/mambavision'
import type { Module } from '@scanline/nn'
import { type Backend, Generator, scope, type Tensor, type Tree } from '@scanline/tensor'
import { Vim, VimFeaturePyramid, VimSegmentationBackbone } from '@scanline/vim'
import { createWasmBackend } from '@scanline/wasm'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { compareAsOnnx } from './setup.js'

let device: Backend
beforeAll(async () => {
  device = await createWasmBackend({ threads: 1 })
})
afterAll(() => device.dispose())

const options = () => ({ device, generator: new Generator(9) })
const vim = { depth: 2, embedDim: 16, imgSize: 64 } as const

type Built = Module & { forward(x: Tensor): Tree }

/** Small ones of the forms that detectors and segmenters are built on, and of what published models have beside their usual parts. */
const forms: readonly (readonly [string, number, () => Built])[] = [
  ['Vim for segmentation', 64, () => new VimSegmentationBackbone({ ...vim, outIndices: [0, 1, 1, 0] }, options())],
  ['Vim for detection', 64, () => new VimFeaturePyramid({ ...vim, outChannels: 8 }, options())],
  [
    'Vim with rotary positions',
    64,
    () => new Vim({ ...vim, rope: true, classToken: 'none', finalPool: 'mean', numClasses: 5 }, options()),
  ],
  ['Vim with two class tokens', 64, () => new Vim({ ...vim, classToken: 'double', numClasses: 5 }, options())],
  ['Vim in pairs of layers', 64, () => new Vim({ ...vim, layerPairs: true, rmsNorm: false, numClasses: 5 }, options())],
  ['Vim with one mixer for both directions', 64, () => new Vim({ ...vim, mixer: 'v1', flipRatio: 1, numClasses: 5 }, options())],
  [
    'MambaVision for segmentation',
    72,
    () =>
      new MambaVisionBackbone(
        {
          dim: 8,
          inDim: 4,
          depths: [1, 1, 2, 2],
          numHeads: [1, 2, 2, 4],
          windowSize: [8, 8, 4, 2],
          qkNorm: true,
          layerScale: 0.5,
          normLayer: 'bn',
        },
        options(),
      ),
  ],
]

describe('dense forms and variants', () => {
  it.each(forms)('%s', async (_, size, build) => {
    using module = build().eval() as Built
    await compareAsOnnx(module, (x) => module.forward(x), size)
  })

  it.each([17, 22])('every operator of opset %i', async (opset) => {
    for (const [, size, build] of forms) {
      using module = build().eval() as Built
      await compareAsOnnx(module, (x) => module.forward(x), size, opset)
    }
  })

  it('EfficientViM with its pyramid', async () => {
    const embedDim = [16, 24, 32]
    using backbone = new EfficientViMBackbone({ embedDim, depths: [1, 1, 1], stateDim: [4, 4, 4] }, options()).eval()
    using neck = new EfficientViMFpn(embedDim, {
      outChannels: 8,
      numOuts: 6,
      extraTransConvs: 2,
      preNorm: true,
      ...options(),
    }).eval()
    await compareAsOnnx(neck, (x) => scope(() => neck.forward(backbone.forward(x))), 96)
  })
})
