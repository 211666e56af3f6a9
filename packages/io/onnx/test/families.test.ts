import { compile } from '@scanline/compile'
import { type Backend, Generator, leaves, permute, scope, type Tensor, tensor } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { createModel } from '@scanline/zoo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportOnnx, onnxBytes } from '../src/index.js'
import { difference, numbers, openSession, runSession } from './setup.js'

/** The smallest of each family, at sizes where every halving rounds and windows are padded; Vim has the size it was built for. */
const models = [
  ['test_mambaout', 70],
  ['mambaout_femto', 64],
  ['mamba_vision_T', 120],
  ['vim_tiny', 224],
  ['efficientvim_m1', 100],
] as const

let device: Backend
beforeAll(async () => {
  device = await createWasmBackend({ threads: 1 })
})
afterAll(() => device.dispose())

/** What a model gives for so many images, maps with channels first. */
async function expected(forward: (x: Tensor) => Tensor | Tensor[], shape: readonly number[], values: Float32Array) {
  using program = await compile(forward, [{ shape, dtype: 'f32' }], { device })
  using x = tensor(values, { shape, device })
  const outputs = leaves(program.run(x))
  const read = outputs.map((y) => scope(() => (y.rank === 4 ? permute(y, [0, 3, 1, 2]) : y.alias())))
  const all = await Promise.all(read.map(async (y) => ({ shape: y.shape, values: (await y.data()) as Float32Array })))
  for (const y of [...outputs, ...read]) y.dispose()
  return all
}

describe.each(models)('%s', (name, size) => {
  it.each(['logits', 'feature maps'])('gives the same %s, for one image and for three from one file', async (what) => {
    const generator = new Generator(3)
    const model =
      what === 'logits'
        ? await createModel(name, { device, generator })
        : await createModel(name, { device, generator, featuresOnly: true })
    const session = await openSession(onnxBytes(await exportOnnx(model, [{ shape: [1, size, size, 3], dtype: 'f32' }])))
    for (const batch of [1, 3]) {
      const shape = [batch, size, size, 3]
      const values = numbers(shape, batch)
      const want = await expected((x) => model.forward(x), shape, values)
      using image = tensor(values, { shape, device })
      using channelsFirst = permute(image, [0, 3, 1, 2])
      const input = { shape: channelsFirst.shape, values: (await channelsFirst.data()) as Float32Array }
      const got = await runSession(session, [input])
      expect(got.map(({ dims }) => dims.map(Number))).toEqual(want.map((y) => y.shape))
      for (const [i, y] of want.entries()) expect(difference(got[i].values, y.values)).toBeLessThan(1e-5)
    }
    await session.release()
    model.dispose()
  })
})
