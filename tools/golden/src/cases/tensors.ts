import { compareTensor } from '../compare.js'
import type { Context, Run } from '../kind.js'
import type { Reference } from '../reference.js'
import type { Output, Outputs } from './execute.js'

/** A tensor that a run has to give, under the name that the run gives it. */
export interface Expected {
  readonly name: string
  readonly reference: Reference
  readonly bound: number
}

export function checkTensor(context: Context, run: Run, { name, reference, bound }: Expected, { shape, values }: Output): void {
  context.check({ name, run, bound, ...compareTensor(shape, values, reference) })
}

/** Compares every expected tensor with the output of its name. */
export function checkTensors(context: Context, run: Run, expected: readonly Expected[], outputs: Outputs, prefix = ''): void {
  for (const tensor of expected)
    checkTensor(context, run, { ...tensor, name: `${prefix}${tensor.name}` }, outputs.get(tensor.name) as Output)
}
