import { permute, type Tensor, tensor } from '@scanline/tensor'
import { relativeError } from '../compare.js'
import type { Device } from '../devices.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import type { Context } from '../kind.js'

/** Order of the axes of a file's tensors. Scanline keeps channels last. */
export interface Layout {
  readonly input: string
  readonly output: string
}

const layouts = ['NCHW', 'NHWC', 'NLC', 'NC'] as const

/** `"NCHW"`, `"NCHW in, NHWC out"`, or `{ "input": "NCHW", "stages": "NHWC" }`. */
export function readLayout(field: Field | undefined, fallback: Layout): Layout {
  if (!field) return fallback
  if (field.isRecord())
    return {
      input: field.maybe('input')?.oneOf(...layouts) ?? fallback.input,
      output: field.maybe('stages')?.oneOf(...layouts) ?? fallback.output,
    }
  const [, input, output] = /^(\w+)(?: in, (\w+) out)?$/.exec(field.string()) ?? []
  const known = (name: string | undefined): boolean => (layouts as readonly (string | undefined)[]).includes(name)
  if (!known(input) || (output !== undefined && !known(output)))
    field.fail(`expected a layout such as "NHWC" or "NCHW in, NHWC out", found ${JSON.stringify(field.value)}`)
  return { input, output: output ?? input }
}

/** A tensor in channels-last order as a file has it. */
export const inLayout = (x: Tensor, layout: string): Tensor => (layout === 'NCHW' && x.rank === 4 ? permute(x, [0, 3, 1, 2]) : x)

/** The input that a file names, filled, with its channels last. Values that the file gives too are checked. */
export function readInput(context: Context, name: string, field: Field, salt: string, layout: string): Tensor {
  const { backend, dtype }: Device = context.device
  const shape = field.at('shape').shape()
  const filled = fillInput(field.maybe('name')?.string() ?? 'input', shape, salt, field.maybe('scale')?.number() ?? 1)
  const given = field.maybe('data')?.numbers()
  // Nine printed digits tell a float32 apart from its neighbours: half a unit in the last place is 2^-24.
  if (given) context.check({ name, error: relativeError(filled, given), bound: given.length === filled.length ? 2 ** -24 : 0 })
  const x = tensor(filled, { shape, device: backend, dtype })
  if (layout !== 'NCHW' || shape.length !== 4) return x
  const channelsLast = permute(x, [0, 2, 3, 1])
  x.dispose()
  return channelsLast
}
