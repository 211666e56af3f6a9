import { type Backend, type DType, type Shape, type Tensor, tensor } from '@scanline/tensor'
import { type FillOptions, fillInput, fillState } from './fill.js'

/** The input of a reference file, on a device. */
export const input = (
  salt: string,
  shape: Shape,
  { device, dtype, scale = 1 }: { readonly device: Backend; readonly dtype: DType; readonly scale?: number },
): Tensor => tensor(fillInput('input', shape, salt, scale), { shape, device, dtype })

/** A state dict for the lines `[name, shape, …]` of a reference file's `state`. */
export const state = (
  salt: string,
  lines: readonly (readonly [string, Shape, ...unknown[]])[],
  options?: FillOptions,
): ReturnType<typeof fillState> =>
  fillState(
    lines.map(([name, shape]) => ({ name, shape })),
    salt,
    new Set(),
    options,
  )
