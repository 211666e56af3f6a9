import { contiguousStrides, type OpCall, type Shape, type TensorSpec } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { windowAttrsOf, windowOf } from '../window.js'

const kernelOf = ({ attrs }: OpCall) => attrs.kernel as readonly [number, number]

/** Each output pixel from the window of the image that it sees. */
function forward(kernel: string, call: OpCall, more: { readonly [field: string]: Params } = {}) {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const { window, prepare } = windowOf(call.inputs[0], call.outputs[0], kernelOf(call), windowAttrsOf(call))
  return { kernel, params: { window, ...more }, prepare }
}

/** Each pixel of an image of `shape` from the outputs `g` that see it. */
function backward(kernel: string, call: OpCall, shape: Shape, g: TensorSpec, more: { readonly [field: string]: Params } = {}) {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const image: TensorSpec = { shape, dtype: 'f32', strides: contiguousStrides(shape) }
  const { window } = windowOf(image, g, kernelOf(call), windowAttrsOf(call))
  return { kernel, params: { window, ...more }, ...packInputs(call.inputs) }
}

const countPadding = ({ attrs }: OpCall) => ({ countPadding: attrs.countPadding as boolean })

/** The largest element of each window. */
export const maxPool2d: KernelSpec = { name: 'maxPool2d', op: 'maxPool2d', select: (call) => forward('maxPool2d', call) }

/** Each output's gradient to the first of its window's largest elements. */
export const maxPool2dGrad: KernelSpec = {
  name: 'maxPool2dGrad',
  op: 'maxPool2dGrad',
  select: (call) => backward('maxPool2dGrad', call, call.inputs[0].shape, call.inputs[1]),
}

/** The mean of each window. */
export const avgPool2d: KernelSpec = {
  name: 'avgPool2d',
  op: 'avgPool2d',
  select: (call) => forward('avgPool2d', call, countPadding(call)),
}

/** Every pixel gathers its share of the windows that it is in. */
export const avgPool2dGrad: KernelSpec = {
  name: 'avgPool2dGrad',
  op: 'avgPool2dGrad',
  select: (call) => backward('avgPool2dGrad', call, call.outputs[0].shape, call.inputs[0], countPadding(call)),
}

/** im2col. */
export const unfold: KernelSpec = { name: 'unfold', op: 'unfold', select: (call) => forward('unfold', call) }

/** col2im: every pixel gathers the taps that were read from it. */
export const fold: KernelSpec = {
  name: 'fold',
  op: 'fold',
  select: (call) => backward('fold', call, call.outputs[0].shape, call.inputs[0]),
}
