import { bytesPerElement, encode, type Launch, type PadAttrs, type TensorSpec } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { movable, refuseTypes } from '../refuse.js'

/** One axis of the input and what is put around and between its elements. */
type PaddedAxis = {
  readonly length: number
  readonly stride: number
  readonly before: number
  readonly after: number
  readonly interior: number
}

/** The axes of `pad`, those without padding merged into the one before. */
function padAxes({ shape, strides }: TensorSpec, { before, after, interior }: PadAttrs): PaddedAxis[] {
  const axes: PaddedAxis[] = []
  shape.forEach((length, i) => {
    const axis = { length, stride: strides[i], before: before[i], after: after[i], interior: interior[i] }
    const last = axes.at(-1)
    const bare = axis.before + axis.after + axis.interior === 0
    const mergeable = last && bare && last.interior === 0 && (last.length === 1 || last.stride === length * axis.stride)
    if (mergeable && length > 0) {
      axes[axes.length - 1] = {
        length: last.length * length,
        stride: axis.stride,
        before: last.before * length,
        after: last.after * length,
        interior: 0,
      }
    } else axes.push(axis)
  })
  return axes.length > 0 ? axes : [{ length: 1, stride: 1, before: 0, after: 0, interior: 0 }]
}

/** The launch that puts a value around, and between, the elements of `x`. */
export function padLaunch(x: TensorSpec, attrs: PadAttrs): Launch {
  const params: Params = {
    bytes: bytesPerElement[x.dtype],
    axes: padAxes(x, attrs),
    value: Array.from(encode(x.dtype, [attrs.value])),
  }
  return { kernel: 'pad', params }
}

/** The value around, and between, elements of any type. */
export const pad: KernelSpec = {
  name: 'pad',
  op: 'pad',
  select: (call) => refuseTypes(call, movable) ?? padLaunch(call.inputs[0], call.attrs as PadAttrs),
}
