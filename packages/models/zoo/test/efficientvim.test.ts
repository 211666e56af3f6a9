import { bytesSource, openCheckpoint, type TensorData, tensorData, writePytorch } from '@scanline/checkpoint'
import { EfficientViM, variants } from '@scanline/efficientvim'
import { Generator, ReferenceBackend, type Tensor, tensor } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { createModel } from '../src/index.js'

const device = new ReferenceBackend()
const images = (): Tensor =>
  tensor(
    Float32Array.from({ length: 2 * 24 * 17 * 3 }, (_, i) => Math.sin(i)),
    { shape: [2, 24, 17, 3], device },
  )
const stored = async (model: EfficientViM): Promise<Record<string, TensorData>> => {
  const entries: Record<string, TensorData> = {}
  for (const [name, t] of model.stateDict())
    entries[name] = tensorData(t.dtype === 'i64' ? 'i64' : 'f32', t.shape, (await t.data()) as never)
  return entries
}

test('a training checkpoint: its averaged weights are loaded; other classes, features, another classifier', async () => {
  const last = new EfficientViM(variants.efficientvim_m1, { device, generator: new Generator(1) }).eval()
  const averaged = new EfficientViM(variants.efficientvim_m1, { device, generator: new Generator(2) }).eval()
  const chunks: Uint8Array[] = []
  for await (const chunk of writePytorch({ model: await stored(last), model_ema: await stored(averaged), epoch: 309 }))
    chunks.push(chunk.slice())
  const file = Buffer.concat(chunks)
  const open = () => openCheckpoint(bytesSource(file))

  using model = await createModel('efficientvim_m1.e450_in1k', { device, weights: await open() })
  expect(await model.forward(images()).data()).toEqual(await averaged.forward(images()).data())

  const notices: string[] = []
  using other = await createModel('efficientvim_m1', {
    device,
    weights: await open(),
    numClasses: 7,
    onNotice: (m) => notices.push(m),
  })
  expect(other.forward(images()).shape).toEqual([2, 7])
  expect(await other.forwardFeatures(images()).data()).toEqual(await averaged.forwardFeatures(images()).data())
  expect(notices).toEqual(['the classifier for 7 classes is new, all 0: that of the weights has 1000'])

  using backbone = await createModel('efficientvim_m1', { device, weights: await open(), featuresOnly: true, outIndices: [0, 2] })
  expect([backbone.channels, backbone.reductions]).toEqual([
    [128, 320],
    [16, 64],
  ])
  expect(backbone.forward(images()).map((t) => t.shape)).toEqual([
    [2, 2, 2, 128],
    [2, 1, 1, 320],
  ])
})
