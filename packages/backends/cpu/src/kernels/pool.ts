import type { AvgPoolAttrs, OpCall, PoolAttrs } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { windowOf } from '../window.js'

type Selected = ReturnType<NonNullable<KernelSpec['select']>>

/** A pool of images: the largest element or the mean of each window. */
function selectPool(call: OpCall, kind: 'max' | 'mean', countPadding: boolean): Selected {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const attrs = call.attrs as unknown as PoolAttrs
  const { window, prepare } = windowOf(call.inputs[0], call.outputs[0], attrs.kernel, attrs)
  const params: Params = { window, kind, countPadding }
  return { kernel: 'pool', params, prepare }
}

export const maxPool2d: KernelSpec = {
  name: 'maxPool2d',
  op: 'maxPool2d',
  select: (call) => selectPool(call, 'max', false),
}

export const avgPool2d: KernelSpec = {
  name: 'avgPool2d',
  op: 'avgPool2d',
  select: (call) => selectPool(call, 'mean', (call.attrs as unknown as AvgPoolAttrs).countPadding),
}

/** Inputs x and the gradient: each window's goes to the first of its largest elements. */
export const maxPool2dGrad: KernelSpec = {
  name: 'maxPool2dGrad',
  op: 'maxPool2dGrad',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const attrs = call.attrs as unknown as PoolAttrs
    const params: Params = { window: windowOf(call.outputs[0], call.inputs[1], attrs.kernel, attrs).window }
    return { kernel: 'maxPool2dGrad', params, ...packInputs(call.inputs) }
  },
}

export const avgPool2dGrad: KernelSpec = {
  name: 'avgPool2dGrad',
  op: 'avgPool2dGrad',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const attrs = call.attrs as unknown as AvgPoolAttrs
    const { window } = windowOf(call.outputs[0], call.inputs[0], attrs.kernel, attrs)
    const params: Params = { window, countPadding: attrs.countPadding }
    return { kernel: 'avgPool2dGrad', params, ...packInputs(call.inputs) }
  },
}
