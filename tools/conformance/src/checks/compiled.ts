import { type CompileOptions, compile } from '@scanline/compile'
import { type MemoryUse, type Tensor, unscoped } from '@scanline/tensor'
import { ConformanceError, expectSame } from '../compare.js'
import { readAndFree, type Trial } from '../trial.js'
import type { Check } from './check.js'
import { expectReference } from './forward.js'

/**
 * Compiled and replayed on the same inputs, on others, and on the first again. Against the reference within the
 * tolerance that eager ops get, as folding and fusion reorder the arithmetic (a scale goes into a weight, an epilogue
 * keeps a sum in registers that eager code stores); bit for bit between two replays; without allocating.
 */
export const compiled: Check = {
  name: 'compiled',
  run: (trial) => replay(trial, { device: trial.backend }),
}

/** The same without folding and fusion: tells which of the two is wrong. */
export const unfused: Check = {
  name: 'unfused',
  run: (trial) => replay(trial, { device: trial.backend, optimize: false }),
}

/** All inputs but the first captured, as weights are: folded, packed ahead, constant. */
export const captured: Check = {
  name: 'captured',
  applies: ({ inputs }) => inputs.length > 1,
  run: async (trial) => {
    const [first, ...weights] = trial.tensors()
    try {
      const program = await compile((x: Tensor) => trial.run(x, ...weights), trial.specs.slice(0, 1), { device: trial.backend })
      // Weights live on inside the program.
      for (const t of weights) t.dispose()
      try {
        expectReference(
          trial,
          await readAndFree(unscoped(() => program.run(first))),
          await trial.expected(),
          'the compiled result',
        )
      } finally {
        program.dispose()
      }
    } finally {
      for (const t of [first, ...weights]) t.dispose()
    }
  },
}

async function replay(trial: Trial, options: CompileOptions): Promise<void> {
  const inputs = trial.tensors()
  const others = trial.tensors(trial.backend, trial.otherValues)
  try {
    const program = await compile(trial.run, trial.specs, options)
    const run = async (tensors: readonly Tensor[]) => await readAndFree(unscoped(() => program.run(...tensors)))
    try {
      const first = await run(inputs)
      const afterFirst = await settled(trial)
      const second = await run(others)
      const third = await run(inputs)
      const afterThird = await settled(trial)
      expectReference(trial, first, await trial.expected(), 'the compiled result')
      expectReference(trial, second, await trial.expected(trial.otherValues), 'the replay on other inputs')
      for (const [i, values] of third.entries()) expectSame(values, first[i], 'the replay')
      for (const key of ['buffers', 'bytes', 'reserved'] as const) {
        if (afterThird[key] !== afterFirst[key])
          throw new ConformanceError(`a replay allocates: memory().${key} was ${afterFirst[key]} and is ${afterThird[key]}`)
      }
    } finally {
      program.dispose()
    }
  } finally {
    for (const t of [...inputs, ...others]) t.dispose()
  }
}

async function settled({ backend }: Trial): Promise<MemoryUse> {
  await backend.done()
  return backend.memory()
}
