import { join } from 'node:path'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { evalTransform } from '@scanline/image'
import { type Backend, Generator, ReferenceBackend, tensor } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { createModel, evalConfig, modelInfo } from '@scanline/zoo'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Classifier, type ClassifierOptions, createClassifier } from '../src/index.js'
import { names, picture, png, temporaryFolder, writeCheckpoint } from './setup.js'

async function classifierOn(device: Backend, options: Partial<ClassifierOptions> = {}): Promise<Classifier> {
  const path = join(temporaryFolder(), 'weights.safetensors')
  await writeCheckpoint(path)
  const weights = await openCheckpointFile(path)
  onTestFinished(() => weights.close())
  return createClassifier({ model: 'test_mambaout', device, weights, size: 32, ...options })
}

const spread = (predictions: readonly { index: number; probability: number }[]): number[] =>
  [...predictions].sort((a, b) => a.index - b.index).map(({ probability }) => probability)

describe('createClassifier', () => {
  it('gives the softmax of the logits that the model gives by itself', async () => {
    const device = new ReferenceBackend()
    using classifier = await classifierOn(device, { classes: names })
    const path = join(temporaryFolder(), 'weights.safetensors')
    await writeCheckpoint(path)
    const weights = await openCheckpointFile(path)
    using model = await createModel('test_mambaout', { device, weights })
    await weights.close()
    const transform = evalTransform(evalConfig(modelInfo('test_mambaout'), 32))
    using x = tensor(transform(picture(1)), { shape: [1, 32, 32, 3], device })
    using logits = model.forward(x)
    const powers = [...((await logits.data()) as Float32Array)].map(Math.exp)
    const total = powers.reduce((a, b) => a + b)

    const predictions = await classifier.classify(png(1))
    expect(predictions).toHaveLength(4)
    for (const { index, label, probability } of predictions) {
      expect(label).toBe(names[index])
      expect(probability).toBeCloseTo(powers[index]! / total, 5)
    }
    expect(await classifier.classify(picture(1))).toEqual(predictions)
    // Pictures differ, so that the other tests here can fail.
    expect(spread(await classifier.classify(picture(2)))[0]).not.toBeCloseTo(spread(predictions)[0]!, 3)
  })

  it('does not depend on device, threads or batch', async () => {
    const devices = [new ReferenceBackend(), await createWasmBackend({ threads: 1 }), await createWasmBackend({ threads: 2 })]
    const answers: number[][] = []
    for (const device of devices) {
      using classifier = await classifierOn(device)
      const prepared = await Promise.all([1, 2, 3].map((seed) => classifier.prepare(picture(seed))))
      const batches = [[prepared], [prepared.slice(0, 2), prepared.slice(2)], prepared.map((p) => [p])]
      for (const batch of batches) {
        const found = []
        for (const images of batch) found.push(...(await classifier.classifyPrepared(images)))
        answers.push(found.flatMap(spread))
      }
      device.dispose()
    }
    for (const answer of answers) for (const [i, p] of answer.entries()) expect(p).toBeCloseTo(answers[0]![i]!, 4)
    expect(answers).toHaveLength(9)
  })

  it('keeps memory flat and gives all of it back', async () => {
    const device = await createWasmBackend({ threads: 1 })
    onTestFinished(() => device.dispose())
    const before = device.memory().buffers
    const classifier = await classifierOn(device)
    const image = await classifier.prepare(picture(1))
    const sizes = [1, 2, 3, 1, 2, 3, 3, 1]
    for (const n of sizes) await classifier.classifyPrepared(Array(n).fill(image))
    await new Promise((resolve) => setTimeout(resolve))
    const { buffers } = device.memory()
    for (const n of sizes) await classifier.classifyPrepared(Array(n).fill(image))
    await new Promise((resolve) => setTimeout(resolve))
    expect(device.memory().buffers).toBe(buffers)
    classifier.dispose()
    await new Promise((resolve) => setTimeout(resolve))
    expect(device.memory().buffers).toBe(before)
  })

  it('has ImageNet names for 1000 classes, numbers for others, and refuses names that do not fit', async () => {
    const device = new ReferenceBackend()
    using model = await createModel('test_mambaout', { device, generator: new Generator(1) })
    using imagenet = await createClassifier({ model: 'test_mambaout', device, weights: model.stateDict(), size: 32 })
    const all = await imagenet.classify(picture(1), { topK: 1000 })
    expect(all.find(({ index }) => index === 281)?.label).toBe('tabby, tabby cat')
    using numbered = await classifierOn(device)
    for (const { index, label } of await numbered.classify(picture(1))) expect(label).toBe(String(index))
    await expect(classifierOn(device, { classes: ['ant', 'bee'] })).rejects.toThrow(
      '2 class names do not fit weights with 4 classes',
    )
  })

  it('takes the size of the published figures', async () => {
    using classifier = await classifierOn(new ReferenceBackend(), { size: undefined as never })
    expect(classifier.inputSize).toEqual([192, 192])
  })
})
