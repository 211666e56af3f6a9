import {
  ArgumentError,
  type Backend,
  isContiguous,
  ShapeError,
  sameShape,
  type TensorSpec,
  type ValueSpec,
} from '@scanline/tensor'
import type { Graph } from './graph.js'
import type { Location, LoweredStep } from './lower.js'

/** Which input each of some outputs is written over, by their numbers. */
export type Overwrites = ReadonlyMap<number, number>

/** Throws `ArgumentError` for numbers that are none or are there twice, `ShapeError` for an output that does not fit. */
export function checkOverwrites(pairs: readonly (readonly [output: number, input: number])[], graph: Graph): Overwrites {
  const overwrites = new Map(pairs)
  if (overwrites.size < pairs.length || new Set(overwrites.values()).size < pairs.length)
    throw new ArgumentError('an output is written over one input, and an input by one output; `inPlace` has one of them twice')
  for (const [k, j] of pairs) {
    const [output, input]: (ValueSpec | undefined)[] = [graph.specs[graph.outputs[k]], graph.specs[graph.inputs[j]]]
    if (!output || !input)
      throw new ArgumentError(
        `inPlace has output ${k} over input ${j}; the function has ${graph.outputs.length} outputs and ${graph.inputs.length} inputs`,
      )
    if (output.dtype !== input.dtype || !sameShape(output.shape, input.shape))
      throw new ShapeError(
        `inPlace has output ${k}, ${output.dtype}[${output.shape}], over input ${j}, ${input.dtype}[${input.shape}]; they must be alike`,
      )
  }
  return overwrites
}

/**
 * The outputs that cannot be computed in the memory of their input: something reads the input afterwards, or while the
 * output is written and not element by element. A device that tracks whole buffers binds none twice in one step.
 */
export function unsafeOverwrites(
  steps: readonly LoweredStep[],
  outputs: readonly number[],
  overwrites: Overwrites,
  { capabilities }: Backend,
): number[] {
  const pairs = [...overwrites]
  if (capabilities.memory === 'buffers') return pairs.map(([k]) => k)
  const writer = new Map<number, number>()
  const lastRead = new Map<number, number>()
  for (const [at, { args, writes }] of steps.entries())
    for (const [i, { from, index }] of args.entries()) {
      if (from === 'input') lastRead.set(index, at)
      if (from === 'buffer' && i >= writes && !writer.has(index)) writer.set(index, at)
    }
  return pairs.flatMap(([k, input]) => {
    const [read, written] = [lastRead.get(input) ?? -1, writer.get(outputs[k]) ?? steps.length]
    return read < written || (read === written && steps[written].elementwise.includes(input)) ? [] : [k]
  })
}

interface Read extends Location {
  readonly spec: TensorSpec
}

/** The inputs of the program that a pointwise step reads only where it writes. `args` are what it is bound to in the end. */
export function elementwiseInputs(inputs: readonly Read[], args: readonly Location[], { spec }: Read): number[] {
  const read = inputs.filter((input, i) => input.from === 'input' && args[i] === input)
  const aligned = ({ offset, spec: { shape, dtype, strides } }: Read): boolean =>
    offset === 0 && dtype === spec.dtype && sameShape(shape, spec.shape) && isContiguous(shape, strides)
  return [...new Set(read.map(({ index }) => index))].filter((j) => read.every((input) => input.index !== j || aligned(input)))
}
