import { type Capabilities, type OpCall, sizeOf, type TensorSpec } from '@scanline/tensor'
import { type AdjointParams, emitAdjoint, selectAdjoint } from '../adjoint.js'
import { i32, v128 } from '../assembler/index.js'
import { defineKernel, split } from '../kernel.js'
import { element } from '../layout.js'
import { planMove } from '../move.js'
import { refuseTypes } from '../refuse.js'
import { copyLaunch } from './copy.js'
import { depthwiseConv2d } from './depthwise-conv2d.js'

type Pair = readonly [number, number]
interface WindowAttrs {
  readonly stride: Pair
  readonly padding: readonly [number, number, number, number]
  readonly dilation: Pair
}

/**
 * With stride 1 a convolution of the gradient with the filter turned by 180°, which the kernel of the forward pass does;
 * else every pixel gathers from the outputs that it took part in.
 */
export const depthwiseConv2dInputGrad = defineKernel<AdjointParams>({
  name: 'depthwiseConv2dInputGrad',
  op: 'depthwiseConv2dInputGrad',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const w = call.inputs[1]
    const turned = asForward(call, capabilities)
    if (turned) return turned
    const [c, , kh, kw] = w.shape
    const launch = selectAdjoint('depthwiseConv2dInputGrad', call, [kh, kw], {})
    if ('refused' in launch) return launch
    const tapsFirst = { shape: [kh, kw, c], dtype: w.dtype, strides: [w.strides[2], w.strides[3], w.strides[0]] }
    const rest = (launch.prepare ?? []).filter(({ input }) => input !== 1)
    return { ...launch, prepare: [...rest, { input: 1, launch: copyLaunch(tapsFirst), bytes: 4 * sizeOf(w.shape) }] }
  },
  emit: (k, params) => {
    const { channels, horizontal } = params
    return emitAdjoint(k, params, 3, (f, [g, taps], { ky, kx, pixel }, channel, sums) => {
      const at = f.let(element(g, i32.add(i32.mul(pixel, channels), channel), 4))
      const tap = i32.add(i32.mul(ky, horizontal.taps), kx)
      const weight = f.let(element(taps, i32.add(i32.mul(tap, channels), channel), 4))
      sums.forEach((sum, v) => {
        f.set(sum, k.madd(v128.load(at, 16 * v), v128.load(weight, 16 * v), sum))
      })
    })
  },
})

/** The launch of the forward kernel that does the same, if there is one. */
function asForward({ inputs: [g, w], outputs, attrs }: OpCall, capabilities: Capabilities) {
  const { stride, padding, dilation } = attrs as unknown as WindowAttrs
  const [c, , kh, kw] = w.shape
  const reach = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)]
  const around = [reach[0] - padding[0], reach[0] - padding[1], reach[1] - padding[2], reach[1] - padding[3]]
  if (stride[0] !== 1 || stride[1] !== 1 || around[0] < 0 || around[2] < 0) return undefined
  const forward = { op: 'depthwiseConv2d', inputs: [g, w], outputs, attrs: { stride, padding: around, dilation } }
  const launch = depthwiseConv2d.select!(forward, capabilities)
  if ('refused' in launch) return undefined
  const prepare = launch.prepare!.map((p) => (p.input === 1 ? { ...p, launch: turnedTaps(w, c, kh, kw) } : p))
  return { ...launch, prepare }
}

/** The copy that makes [kh, kw, C] of a weight [C, 1, kh, kw], the last tap first. */
function turnedTaps({ strides }: TensorSpec, c: number, kh: number, kw: number) {
  const from = {
    strides: [-strides[2], -strides[3], strides[0]],
    offset: (kh - 1) * strides[2] + (kw - 1) * strides[3],
  }
  const move = planMove([kh, kw, c], 4, from, { strides: [kw * c, c, 1], offset: 0 })
  return { kernel: 'copy', params: { ...split(move.items, move.cost), move } }
}
