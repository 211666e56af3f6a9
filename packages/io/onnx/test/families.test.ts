import type { Module } from '@scanline/nn'
import type { Backend } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { createModel } from '@scanline/zoo'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { compareAsOnnx } from './setup.js'

/** The smallest of each family, at sizes where every halving rounds and windows are padded; Vim has the size it was built for. */
const models = [
  ['test_mambaout', 70],
  ['mambaout_femto', 64],
  ['mamba_vision_T', 72],
  ['vim_tiny', 224],
  ['efficientvim_m1', 100],
] as const

let device: Backend
beforeAll(async () => {
  device = await createWasmBackend({ threads: 1 })
})
afterAll(() => device.dispose())

/** Weights of the usual sizes, quickly: the published initialisation of 31 million numbers takes ten seconds. */
function fill(module: Module): void {
  let state = 1
  // Marsaglia's xorshift (2003), from -1 to 1.
  const uniform = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  }
  for (const [name, weights] of module.stateDict()) {
    if (weights.dtype !== 'f32') continue
    const around = /(weight|running_var|gamma.*|D)$/.test(name) && weights.rank === 1 ? 1 : 0
    const spread = weights.rank === 1 ? 0.1 : (weights.shape[0] / weights.size) ** 0.5
    weights.write(Float32Array.from({ length: weights.size }, () => around + spread * uniform()))
  }
}

describe.each(models)('%s as ONNX', { timeout: 60_000 }, (name, size) => {
  it('gives the same logits', async () => {
    using model = await createModel(name, { device })
    fill(model)
    await compareAsOnnx(model, (x) => model.forward(x), size)
  })
  it('gives the same feature maps', async () => {
    using model = await createModel(name, { device, featuresOnly: true })
    fill(model)
    await compareAsOnnx(model, (x) => model.forward(x), size)
  })
})
