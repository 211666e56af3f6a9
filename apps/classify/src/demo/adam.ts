import type { Tensor } from '@scanline/tensor'

interface State {
  readonly parameter: Tensor
  readonly value: Float32Array
  readonly mean: Float32Array
  readonly square: Float32Array
}

/** Adam (Kingma and Ba, arXiv 1412.6980) with its usual constants, on the host. */
export class Adam {
  readonly #states: readonly State[]
  #steps = 0

  private constructor(states: readonly State[]) {
    this.#states = states
  }

  static async for(parameters: readonly Tensor[]): Promise<Adam> {
    const states = parameters.map(async (parameter) => ({
      parameter,
      value: (await parameter.data()) as Float32Array,
      mean: new Float32Array(parameter.size),
      square: new Float32Array(parameter.size),
    }))
    return new Adam(await Promise.all(states))
  }

  /** One step along the gradients, in the order of the parameters; frees them. */
  async step(gradients: readonly Tensor[], learningRate: number): Promise<void> {
    this.#steps++
    const meanScale = 1 / (1 - 0.9 ** this.#steps)
    const squareScale = 1 / (1 - 0.999 ** this.#steps)
    for (const [i, { parameter, value, mean, square }] of this.#states.entries()) {
      using gradient = gradients[i]!
      const g = (await gradient.data()) as Float32Array
      for (let j = 0; j < g.length; j++) {
        mean[j] = 0.9 * mean[j]! + 0.1 * g[j]!
        square[j] = 0.999 * square[j]! + 0.001 * g[j]! ** 2
        value[j] = value[j]! - (learningRate * meanScale * mean[j]!) / (Math.sqrt(squareScale * square[j]!) + 1e-8)
      }
      parameter.write(value)
    }
  }
}
