import { bytesPerElement, contiguousStrides, sizeOf, type TensorSpec } from '@scanline/tensor'
import { type FunctionBuilder, i32, i64, type Operand, type Value } from '../assembler/index.js'
import { defineKernel, type LaunchOf, type Split, split } from '../kernel.js'
import { collapse, element, offsets } from '../layout.js'

interface CopyParams extends Split {
  /** Bytes of one element: 1, 2, 4 or 8. */
  readonly bytes: number
  /** All axes but the innermost; an item is one row of `length` elements, or one element where there is no outer axis. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
  readonly length: number
  readonly stride: number
}

/** The launch that makes `input` contiguous. */
export function copyLaunch(input: TensorSpec): LaunchOf<CopyParams> {
  const bytes = bytesPerElement[input.dtype]
  // Collapsed together with the output, so that an axis merges only if its order is kept.
  const { dims, strides } = collapse(input.shape, [input.strides, contiguousStrides(input.shape)])
  const outer = dims.slice(0, -1)
  const length = dims.at(-1) ?? 1
  const stride = strides[0].at(-1) ?? 1
  const perElement = stride === 1 ? bytes / 16 : 2
  const items =
    outer.length > 0 || length === 0
      ? split(sizeOf(outer) * Math.min(1, length), 20 + length * perElement)
      : split(length, perElement)
  return { kernel: 'copy', params: { ...items, bytes, dims: outer, strides: strides[0].slice(0, -1), length, stride } }
}

/** A strided tensor of any type made contiguous. */
export const copy = defineKernel<CopyParams>({
  name: 'copy',
  op: 'copy',
  select: ({ inputs: [input] }) => copyLaunch(input),
  emit: (k, { bytes, dims, strides, length, stride }) =>
    k.define(2, (f, [input, output], { begin, end }) => {
      if (dims.length === 0) {
        copyRow(
          f,
          bytes,
          element(output, begin, bytes),
          element(input, i32.mul(begin, stride), bytes),
          stride,
          i32.sub(end, begin),
        )
        return
      }
      f.for(begin, end, 1, (row) => {
        const [from] = offsets(f, row, dims, [strides])
        copyRow(f, bytes, element(output, i32.mul(row, length), bytes), element(input, from, bytes), stride, length)
      })
    }),
})

function copyRow(
  f: FunctionBuilder,
  bytes: number,
  to: Value<'i32'>,
  from: Value<'i32'>,
  stride: number,
  count: Operand<'i32'>,
): void {
  if (stride === 1) {
    f.memoryCopy(to, from, i32.mul(count, bytes))
    return
  }
  const source = f.let(from)
  const target = f.let(to)
  f.for(target, f.let(i32.add(target, i32.mul(count, bytes))), bytes, (at) => {
    if (bytes === 1) f.store.i8(at, i32.load8_u(source))
    else if (bytes === 2) f.store.i16(at, i32.load16_u(source))
    else if (bytes === 4) f.store.i32(at, i32.load(source))
    else f.store.i64(at, i64.load(source))
    f.set(source, i32.add(source, stride * bytes))
  })
}
