import { bytesPerElement, type DType, sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32, f32x4, f64, i32, i64, type Local, minU, type Value } from '../assembler/index.js'
import { convertLanes, type LaneType, laneKind, loadLanes, storeLanes } from '../elements.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'

interface CastParams extends Split {
  readonly from: DType
  readonly to: DType
  readonly length: number
}

/** Elements of one item. */
const block = 16

/**
 * Rounds to nearest even; floats become integers by truncation, saturating, NaN becoming 0; integers keep their low bits;
 * bool is `!= 0`.
 */
export const cast = defineKernel<CastParams>({
  name: 'cast',
  op: 'cast',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const [from, to] = [call.inputs[0].dtype, call.outputs[0].dtype]
    if (from === to) return { refused: `a cast from ${from} to itself is no cast; copy it` }
    const length = sizeOf(call.outputs[0].shape)
    const wide = from === 'i64' || to === 'i64'
    return {
      kernel: 'cast',
      params: { ...split(Math.ceil(length / block), wide ? 4 * block : block), from, to, length },
      ...packInputs(call.inputs),
    }
  },
  emit: (k, { from, to, length }) =>
    k.define(2, (f, [x, output], { begin, end }) => {
      const step = from === 'i64' || to === 'i64' ? 1 : 4
      const whole = length - (length % step)
      const first = f.let(i32.mul(begin, block))
      const last = f.let(minU(i32.mul(end, block), whole))
      const one = (i: Local<'i32'>, lanes: number) => {
        const source = f.let(element(x, i, bytesPerElement[from]))
        const target = f.let(element(output, i, bytesPerElement[to]))
        if (step === 1) castWide(k, f, from, to, source, target)
        else castLanes(k, f, from as LaneType, to as LaneType, source, target, lanes)
      }
      f.for(first, last, step, (i) => one(i, 4))
      if (whole === length) return
      const reached = i32.eq(end, Math.ceil(length / block))
      f.if(reached, () => one(f.let<'i32'>(i32.const(whole)), length - whole))
    }),
})

function castLanes(
  k: KernelBuilder,
  f: FunctionBuilder,
  from: LaneType,
  to: LaneType,
  source: Local<'i32'>,
  target: Local<'i32'>,
  lanes: number,
): void {
  const x = f.let(loadLanes(k, f, from, source))
  storeLanes(f, to, target, convertLanes(k, f, laneKind(from), to, x), lanes)
}

/** One element, where one side is i64. */
function castWide(
  k: KernelBuilder,
  f: FunctionBuilder,
  from: DType,
  to: DType,
  source: Local<'i32'>,
  target: Local<'i32'>,
): void {
  if (to === 'i64') {
    f.store.i64(target, toWide(k, f, from as LaneType, source))
    return
  }
  const x = f.let(i64.load(source))
  if (to === 'i32') f.store.i32(target, i32.wrap_i64(x))
  else if (to === 'u8') f.store.i8(target, i32.wrap_i64(x))
  else if (to === 'bool') f.store.i8(target, i64.ne(x, 0n))
  else if (to === 'f32') f.store.f32(target, f32.convert_i64_s(x))
  else {
    // Through f32: what it rounds away is beyond every tie of the narrower type that is in range.
    const wide = f.let(convertLanes(k, f, 'f32', to as LaneType, f32x4.splat(f32.demote_f64(f64.convert_i64_s(x)))))
    storeLanes(f, to as LaneType, target, wide, 1)
  }
}

function toWide(k: KernelBuilder, f: FunctionBuilder, from: LaneType, source: Local<'i32'>): Value<'i64'> {
  if (from === 'i32') return i64.extend_i32_s(i32.load(source))
  if (from === 'u8' || from === 'bool') return i64.extend_i32_u(i32.load8_u(source))
  if (from === 'f32') return i64.trunc_sat_f32_s(f32.load(source))
  return i64.trunc_sat_f32_s(f32x4.extract(loadLanes(k, f, from, source), 0))
}
