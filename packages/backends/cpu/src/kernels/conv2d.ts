import { contiguousStrides, type Expr, type OpCall, type Prepare, sizeOf, type TensorSpec } from '@scanline/tensor'
import { planEpilogue } from '../epilogue.js'
import { inBf16, type KernelSpec, type Params } from '../kernel.js'
import { asRows } from '../rows.js'
import { windowAttrsOf, windowOf } from '../window.js'
import { matmul } from './matmul.js'
import { packLaunch } from './pack-matrix.js'
import { padLaunch } from './pad.js'

/** A product of patches, read where they lie in the image, with the packed weight; zeros are put around the image first. */
export const conv2d: KernelSpec = {
  name: 'conv2d',
  op: 'conv2d',
  select(call, target) {
    const [x, w, ...extras] = call.inputs
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [filters, channels, kh, kw] = w.shape
    const attrs = windowAttrsOf(call)
    const bf16 = inBf16(call, target)
    const [top, bottom, left, right] = attrs.padding
    const padded = top + bottom + left + right > 0
    if (kh * kw === 1 && !padded && attrs.stride.every((s) => s === 1)) return matmul.select!(asProduct(call, x, w), target)

    const prepare: Prepare[] = []
    let image = x
    if (padded) {
      const shape = [x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right, channels]
      image = { shape, dtype: x.dtype, strides: contiguousStrides(shape) }
      const launch = padLaunch(x, {
        before: [0, top, left, 0],
        after: [0, bottom, right, 0],
        interior: [0, 0, 0, 0],
        value: 0,
      })
      prepare.push({ input: 0, launch, bytes: 4 * sizeOf(shape) })
    }
    const { window, prepare: dense } = windowOf(image, call.outputs[0], [kh, kw], { ...attrs, padding: [0, 0, 0, 0] })
    const packing = {
      dims: [],
      strides: [],
      rowDims: [kh, kw, channels],
      rowStrides: [w.strides[2], w.strides[3], w.strides[1]],
      columns: filters,
      columnStride: w.strides[0],
    }
    const rest = asRows(extras, 2)
    const params: Params = {
      window,
      columns: filters,
      bf16,
      ...planEpilogue(call.attrs.epilogue as Expr | undefined, rest.rows),
    }
    return {
      kernel: 'conv2d',
      params,
      prepare: [...prepare, ...dense, { input: 1, ...packLaunch(packing, target, bf16) }, ...rest.prepare],
    }
  },
}

/** A 1×1 convolution as a product of every pixel with the weight. */
function asProduct(call: OpCall, x: TensorSpec, w: TensorSpec): OpCall {
  const b = {
    shape: [...x.shape.slice(0, 2), w.shape[1], w.shape[0]],
    dtype: w.dtype,
    strides: [0, 0, w.strides[1], w.strides[0]],
  }
  return {
    ...call,
    op: 'matmul',
    inputs: [x, b, ...call.inputs.slice(2)],
    attrs: { epilogue: call.attrs.epilogue, precision: call.attrs.precision },
  }
}
