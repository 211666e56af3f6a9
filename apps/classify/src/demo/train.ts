import { compile, type Program } from '@scanline/compile'
import { add, crossEntropy, div, type Generator, mul, scope, sqrt, sub, Tensor, tensor, valueAndGrad } from '@scanline/tensor'
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

/** Of the parameters, in their order: values, and Adam's two moments. */
type State = readonly [values: Tensor[], means: Tensor[], squares: Tensor[]]

/** Trains all parameters of a model on few pictures; each step (forward, backward, Adam: arXiv 1412.6980) is one run of a compiled program. */
export async function train(model: Backbone, data: LabelledImages, options: TrainOptions): Promise<void> {
  const { epochs, targetLoss, batch, learningRate, random, onEpoch } = options
  const parameters = model.parameters()
  const { device } = parameters[0]!
  const stepsPerEpoch = Math.floor(data.images.length / batch)
  model.train()
  using program = await compileStep(model, parameters, [batch, ...data.shape])
  const blank = () => parameters.map((p) => tensor(new Float32Array(p.size), { shape: p.shape, device }))
  let state: State = [parameters.map((p) => p.alias()), blank(), blank()]
  let [step, lossBefore] = [0, Number.POSITIVE_INFINITY]
  for (let epoch = 1, last = false; !last; epoch++) {
    last = epoch === epochs || lossBefore < targetLoss
    const order = shuffled(data.images.length, random)
    let loss = 0
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
      step++
      const rate = learningRate * Math.min(1, step / 20) * (last ? 1 - i / stepsPerEpoch : 1)
      // The bias corrections of both moments in one factor, as at the end of the paper's section 2.
      using stepSize = tensor([(rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step)], { device })
      const next = program.run(images, labels, stepSize, ...state.flat())
      for (const old of state.flat()) old.dispose()
      state = next.state
      using value = next.loss
      loss += (await value.item()) / stepsPerEpoch
    }
    lossBefore = loss
    onEpoch(epoch, loss)
  }
  for (const [i, value] of state[0].entries()) parameters[i]!.write(await value.data())
  for (const old of state.flat()) old.dispose()
  model.eval()
}

type Step = {
  readonly loss: Tensor
  readonly state: State
}

function compileStep(model: Backbone, parameters: readonly Tensor[], images: readonly number[]): Promise<Program<Step>> {
  const n = parameters.length
  const specs = parameters.map(({ shape, dtype }) => ({ shape, dtype }))
  const inputs = [
    { shape: images, dtype: 'f32' },
    { shape: [images[0]!], dtype: 'i32' },
    { shape: [1], dtype: 'f32' },
    ...specs,
    ...specs,
    ...specs,
  ] as const
  return compile<Step>(
    (x, labels, stepSize, ...state) =>
      scope(() => {
        const [values, means, squares] = [state.slice(0, n), state.slice(n, 2 * n), state.slice(2 * n)]
        const loss = () => withParameters(model, parameters, values, () => crossEntropy(model.forward(x!), labels!))
        const { value, grads } = valueAndGrad(loss, values)
        const newMeans = means.map((m, i) => add(mul(m, 0.9), mul(grads[i]!, 0.1)))
        const newSquares = squares.map((s, i) => add(mul(s, 0.999), mul(mul(grads[i]!, grads[i]!), 0.001)))
        const moved = values.map((v, i) => sub(v, div(mul(newMeans[i]!, stepSize!), add(sqrt(newSquares[i]!), 1e-8))))
        return { loss: value, state: [moved, newMeans, newSquares] }
      }),
    inputs,
    { device: parameters[0]!.device },
  )
}

/** Runs `body` with other tensors in the place of a model's parameters. */
function withParameters<T>(model: Backbone, parameters: readonly Tensor[], values: readonly Tensor[], body: () => T): T {
  const put = (from: readonly Tensor[], to: readonly Tensor[]): void => {
    for (const module of model.modules())
      for (const [name, value] of Object.entries(module))
        if (value instanceof Tensor && from.includes(value)) Object.assign(module, { [name]: to[from.indexOf(value)] })
  }
  put(parameters, values)
  try {
    return body()
  } finally {
    put(values, parameters)
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
