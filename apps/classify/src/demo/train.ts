import { crossEntropy, type Generator, scope, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import type { Backbone } from '@scanline/zoo'
import { Adam } from './adam.js'

export interface LabelledImages {
  /** Prepared for the model, all of one size. */
  readonly images: readonly Float32Array[]
  readonly labels: readonly number[]
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number]
}

export interface TrainOptions {
  readonly epochs: number
  readonly batch: number
  /** The highest; it rises to it over the first 20 steps and then falls to 0 along a cosine. */
  readonly learningRate: number
  /** Shuffles. */
  readonly random: Generator
  readonly onEpoch: (epoch: number, loss: number) => void
}

/** Trains all parameters of a model on few pictures, by gradients of the cross entropy. */
export async function train(model: Backbone, data: LabelledImages, options: TrainOptions): Promise<void> {
  const { epochs, batch, learningRate, random, onEpoch } = options
  const parameters = model.parameters()
  const { device } = parameters[0]!
  const optimizer = await Adam.for(parameters)
  const stepsPerEpoch = Math.floor(data.images.length / batch)
  const rate = (step: number): number =>
    learningRate * Math.min(1, (step + 1) / 20) * 0.5 * (1 + Math.cos((Math.PI * step) / (epochs * stepsPerEpoch)))

  model.train()
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(data.images.length, random)
    let loss = 0
    for (let step = 0; step < stepsPerEpoch; step++) {
      const chosen = order.slice(step * batch, (step + 1) * batch)
      using images = stack(
        chosen.map((i) => data.images[i]!),
        data.shape,
        device,
      )
      using labels = tensor(
        chosen.map((i) => data.labels[i]!),
        { device, dtype: 'i32' },
      )
      const { value, grads } = scope(() => valueAndGrad(() => crossEntropy(model.forward(images), labels), parameters))
      using cost = value
      loss += (await cost.item()) / stepsPerEpoch
      await optimizer.step(grads, rate(epoch * stepsPerEpoch + step))
    }
    onEpoch(epoch + 1, loss)
  }
  model.eval()
}

function stack(images: readonly Float32Array[], shape: LabelledImages['shape'], device: Tensor['device']): Tensor {
  const size = images[0]!.length
  const values = new Float32Array(images.length * size)
  for (const [i, image] of images.entries()) values.set(image, i * size)
  return tensor(values, { shape: [images.length, ...shape], device })
}

/** 0 … n - 1 in random order (Fisher and Yates). */
function shuffled(n: number, random: Generator): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
