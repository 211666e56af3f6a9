import { compile } from '@scanline/compile'
import { isFloat, scope, unscoped } from '@scanline/tensor'
import { baseShape, type Sample } from '@scanline/tensor/samples'
import { ConformanceError, expectClose, type Values } from '../compare.js'
import { scalarLoss } from '../loss.js'
import { gradientToleranceOf } from '../tolerance.js'
import { readAndFree, type Trial } from '../trial.js'
import type { Check } from './check.js'

const ordinary = ['normal', 'positive', undefined]

/** Gradients of inputs without special values; an input given number by number is taken to know what it does. */
const applies = ({ inputs }: Sample): boolean =>
  inputs.some(({ dtype = 'f32' }) => dtype === 'f32') &&
  inputs.every(({ fill, dtype = 'f32' }) => !isFloat(dtype) || typeof fill === 'object' || ordinary.includes(fill)) &&
  inputs.every((input) => baseShape(input).every((d) => d > 0))

const without = ({ noGradient }: Sample): string | undefined => noGradient && `no gradient: ${noGradient}`

/** Op by op, against the gradient that the reference computes in doubles. */
export const gradient: Check = {
  name: 'gradient',
  applies,
  without,
  run: async (trial) => expectGradients(trial, await trial.eagerGradients()),
}

/** Gradients are ops, so a program can compute them. */
export const compiledGradient: Check = {
  name: 'compiled gradient',
  applies,
  without,
  run: async (trial) => {
    const inputs = trial.tensors()
    try {
      const program = await compile(trial.gradients('f32'), trial.specs, { device: trial.backend })
      try {
        await expectGradients(trial, await readAndFree(unscoped(() => program.run(...inputs))))
      } finally {
        program.dispose()
      }
    } finally {
      for (const t of inputs) t.dispose()
    }
  },
}

async function expectGradients(trial: Trial, got: readonly Values[]): Promise<void> {
  const want = await trial.expectedGradients()
  got.forEach((values, k) => {
    expectClose(values, want[k], gradientToleranceOf(trial.sample), `the gradient of input ${trial.differentiable[k]}`)
  })
}

const step = 1e-6

/**
 * The backend's gradient along random directions of ±1, against central differences of the reference's loss. It shares
 * no gradient code with `gradient`, so a wrong `vjp` shows here even where backend and reference agree on it.
 */
export const differences: Check = {
  name: 'differences',
  applies,
  without: (sample) => without(sample) ?? (sample.noDifferences && `no differences: ${sample.noDifferences}`),
  run: async (trial) => {
    const gradients = await trial.eagerGradients()
    for (const [k, i] of trial.differentiable.entries()) {
      const g = gradients[k].data
      const direction = g.map((_, at) => (Math.imul(at + 1, 0x9e3779b1) & 0x10000 ? 1 : -1))
      const [ahead, behind] = [await lossAt(trial, i, direction, step), await lossAt(trial, i, direction, -step)]
      const difference = (ahead - behind) / (2 * step)
      const slope = g.reduce((sum, v, at) => sum + v * direction[at], 0)
      const norm = Math.sqrt(g.reduce((sum, v) => sum + v * v, 0))
      // Doubles leave about 1e-16 / 1e-6 of the loss uncertain.
      const bound = 1e-3 * norm + 1e-8 * Math.abs(ahead) + 1e-6
      if (!(Math.abs(difference - slope) <= bound)) {
        throw new ConformanceError(
          `the gradient of input ${i} gives a slope of ${slope} along a direction in which the loss changes by ${difference}; at most ${bound.toExponential(1)} apart`,
        )
      }
    }
  },
}

async function lossAt(trial: Trial, input: number, direction: Float64Array, delta: number): Promise<number> {
  const values = trial.values.map((v, i) => (i === input ? v.map((x, at) => x + delta * direction[at]) : v))
  const inputs = trial.tensors(trial.reference, values)
  const [loss] = await readAndFree(unscoped(() => [scope(() => scalarLoss(trial.run(...inputs), 'f64'))]))
  for (const t of inputs) t.dispose()
  return loss.data[0]
}
