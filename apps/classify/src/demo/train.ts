import { adamw, parameterGroups } from '@scanline/optim'
import { crossEntropy, type Generator, type Tensor, tensor } from '@scanline/tensor'
import { TrainStep } from '@scanline/train'
import type { Backbone } from '@scanline/zoo'

export interface LabelledImages {
  /** Prepared for the model, all of one size. */
  readonly images: readonly Float32Array[]
  readonly labels: readonly number[]
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number]
}

export interface TrainOptions {
  /** Passes over the data at most. */
  readonly epochs: number
  /** A pass with a mean loss below it is followed by one last pass, in which the learning rate falls to 0. */
  readonly targetLoss: number
  readonly batch: number
  /** Rises to this over the first 20 steps. */
  readonly learningRate: number
  /** Shuffles. */
  readonly random: Generator
  readonly onEpoch: (epoch: number, loss: number) => void
}

/** Trains all parameters of a model on few pictures, with Adam. */
export async function train(model: Backbone, data: LabelledImages, options: TrainOptions): Promise<void> {
  const { epochs, targetLoss, batch, learningRate, random, onEpoch } = options
  const { device } = model.parameters()[0]!
  const stepsPerEpoch = Math.floor(data.images.length / batch)
  using step = await TrainStep.create(model, {
    forward: (x, streams) => model.forward(x, streams),
    loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
    images: { shape: [batch, ...data.shape], dtype: 'f32' },
    targets: { shape: [batch], dtype: 'i32' },
    optimizer: adamw(),
    groups: parameterGroups(model.namedParameters(), { weightDecay: 0 }),
    random,
  })
  let lossBefore = Number.POSITIVE_INFINITY
  for (let epoch = 1, last = false; !last; epoch++) {
    last = epoch === epochs || lossBefore < targetLoss
    const order = shuffled(data.images.length, random)
    let sum = 0
    for (let i = 0; i < stepsPerEpoch; i++) {
      const chosen = order.slice(i * batch, (i + 1) * batch)
      using images = stack(
        chosen.map((k) => data.images[k]!),
        data.shape,
        device,
      )
      using labels = tensor(
        chosen.map((k) => data.labels[k]!),
        { device, dtype: 'i32' },
      )
      const lr = learningRate * Math.min(1, (step.updates + 1) / 20) * (last ? 1 - i / stepsPerEpoch : 1)
      using loss = step.run(images, labels, { lr }).loss
      sum += await loss.item()
    }
    lossBefore = sum / stepsPerEpoch
    onEpoch(epoch, lossBefore)
  }
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
