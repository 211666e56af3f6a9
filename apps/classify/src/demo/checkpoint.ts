import { tensorData } from '@scanline/checkpoint'
import { saveSafetensors } from '@scanline/checkpoint/node'
import { evalTransform } from '@scanline/image'
import { type Backend, Generator } from '@scanline/tensor'
import { type Backbone, createModel, evalConfig, modelInfo } from '@scanline/zoo'
import { createClassifier } from '../classifier.js'
import { drawScene, sceneNames } from './scenes.js'
import { type LabelledImages, train } from './train.js'

/** What the demo's checkpoint is for, and how it is made. */
export const recipe = {
  model: 'test_mambaout',
  /** Height and width of the pictures. */
  size: 64,
  training: 960,
  heldOut: 240,
  /** At most. Six or seven are the rule; how long the beginning takes depends on the last bits of a machine's arithmetic. */
  epochs: 14,
  targetLoss: 0.1,
  batch: 32,
  learningRate: 3e-3,
  seed: 1,
} as const

export interface TrainedCheckpoint {
  readonly parameters: number
  /** Of the held-out pictures, 0 … 1. */
  readonly accuracy: number
}

/** Trains the demo's model on pictures drawn on the spot, measures it on others, and writes it to `path`. */
export async function makeCheckpoint(
  path: string,
  device: Backend,
  onEpoch: (epoch: number, loss: number) => void,
  { training, heldOut, epochs }: Pick<{ [K in keyof typeof recipe]: number }, 'training' | 'heldOut' | 'epochs'> = recipe,
): Promise<TrainedCheckpoint> {
  const random = new Generator(recipe.seed)
  using model = await createModel(recipe.model, { device, generator: new Generator(recipe.seed), numClasses: sceneNames.length })
  const { targetLoss, batch, learningRate } = recipe
  await train(model, drawSet(training, random), { epochs, targetLoss, batch, learningRate, random, onEpoch })
  const accuracy = await measure(model, drawSet(heldOut, random), device)
  await save(model, path)
  return { parameters: model.parameterCount(), accuracy }
}

/** Equally many pictures of each class. */
function drawSet(count: number, random: Generator): LabelledImages {
  const transform = evalTransform(evalConfig(modelInfo(recipe.model), recipe.size))
  const labels = Array.from({ length: count }, (_, i) => i % sceneNames.length)
  const images = labels.map((label) => transform(drawScene(sceneNames[label]!, random, recipe.size)))
  return { images, labels, shape: transform.shape }
}

async function measure(model: Backbone, { images, labels }: LabelledImages, device: Backend): Promise<number> {
  const { size, batch, model: name } = recipe
  using classifier = await createClassifier({ model: name, device, weights: model.stateDict(), classes: sceneNames, size })
  let right = 0
  for (let i = 0; i < images.length; i += batch) {
    const answers = await classifier.classifyPrepared(images.slice(i, i + batch), { topK: 1 })
    right += answers.filter(([best], j) => best!.index === labels[i + j]).length
  }
  return right / images.length
}

async function save(model: Backbone, path: string): Promise<void> {
  const entries = [...model.stateDict()].map(
    async ([name, tensor]) => [name, tensorData('f32', tensor.shape, (await tensor.data()) as Float32Array)] as const,
  )
  await saveSafetensors(path, await Promise.all(entries))
}
