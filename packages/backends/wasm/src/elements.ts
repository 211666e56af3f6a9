import { bytesPerElement, type DType } from '@scanline/tensor'
import {
  type FunctionBuilder,
  f32x4,
  i8x16,
  i16x8,
  i32,
  i32x4,
  type Local,
  type Operand,
  type Value,
  v128,
} from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'

type Vector = Value<'v128'>
type Address = Operand<'i32'>

/** Element types that fit a 32-bit lane, as f32 or as i32. */
export type LaneType = Exclude<DType, 'f64' | 'i64'>
export const laneTypes: readonly LaneType[] = ['f32', 'f16', 'bf16', 'i32', 'u8', 'bool']

/** How four elements look once loaded. */
export const laneKind = (dtype: LaneType): 'f32' | 'i32' =>
  dtype === 'i32' || dtype === 'u8' || dtype === 'bool' ? 'i32' : 'f32'

/** Loads four neighbouring elements: floats widened to f32, integers to i32. May read up to 15 bytes past the first. */
export function loadLanes(k: KernelBuilder, f: FunctionBuilder, dtype: LaneType, address: Address, offset = 0): Vector {
  if (dtype === 'f32' || dtype === 'i32') return v128.load(address, offset)
  if (dtype === 'f16' || dtype === 'bf16') return widenHalf(k, f, dtype, v128.load64_zero(address, offset))
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(address, offset)))
}

/** One element in every lane. */
export function splatLane(k: KernelBuilder, f: FunctionBuilder, dtype: LaneType, address: Address): Vector {
  if (dtype === 'f32' || dtype === 'i32') return v128.load32_splat(address)
  if (dtype === 'f16' || dtype === 'bf16') return widenHalf(k, f, dtype, v128.load16_splat(address))
  return i32x4.splat(i32.load8_u(address))
}

/** Four elements, `stride` elements apart. */
export function gatherLanes(
  k: KernelBuilder,
  f: FunctionBuilder,
  dtype: LaneType,
  address: Local<'i32'>,
  stride: number,
  lanes: number,
): Vector {
  const bytes = bytesPerElement[dtype]
  const one = (lane: number): Value<'i32'> => {
    const at = lane * stride * bytes
    return bytes === 4 ? i32.load(address, at) : bytes === 2 ? i32.load16_u(address, at) : i32.load8_u(address, at)
  }
  const all = f.let(i32x4.splat(one(0)))
  for (let lane = 1; lane < lanes; lane++) f.set(all, i32x4.replace(all, lane, one(lane)))
  if (dtype === 'bf16') return i32x4.shl(all, 16)
  return dtype === 'f16' ? halfToFloat(k, f, all) : all
}

const widenHalf = (k: KernelBuilder, f: FunctionBuilder, dtype: 'f16' | 'bf16', halves: Vector): Vector => {
  const words = i32x4.extend_low_i16x8_u(halves)
  return dtype === 'bf16' ? i32x4.shl(words, 16) : halfToFloat(k, f, words)
}

/** IEEE halves in the low 16 bits of each lane as f32, exactly. */
function halfToFloat(k: KernelBuilder, f: FunctionBuilder, halves: Vector): Vector {
  const h = f.let(halves)
  const magnitude = f.let(v128.and(h, k.splatBits(0x7fff)))
  // As an f32 the shifted bits are 2¹¹² too small; multiplying also normalises the subnormal ones.
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), k.splat(2 ** 112))
  const special = v128.and(i32x4.gt_s(magnitude, k.splatBits(0x7bff)), k.splatBits(0x7f800000))
  const sign = i32x4.shl(v128.and(h, k.splatBits(0x8000)), 16)
  return v128.or(v128.or(finite, special), sign)
}

/** f32 lanes as IEEE halves in the low 16 bits, rounded to nearest even; every NaN is the quiet one. */
function floatToHalf(k: KernelBuilder, f: FunctionBuilder, value: Vector): Vector {
  const x = f.let(value)
  const magnitude = f.let(f32x4.abs(x))
  // Below 2⁻¹⁴ halves are 2⁻²⁴ apart, as f32 are at ½: adding ½ rounds, and leaves the half in the low bits.
  const subnormal = i32x4.sub(f32x4.add(magnitude, k.splat(0.5)), k.splat(0.5))
  const odd = v128.and(i32x4.shr_u(magnitude, 13), k.splatBits(1))
  const rebias = ((15 - 127) << 23) + 0xfff
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, k.splatBits(rebias)), odd), 13)
  const finite = v128.bitselect(subnormal, normal, f32x4.lt(magnitude, k.splat(2 ** -14)))
  const bounded = v128.bitselect(k.splatBits(0x7c00), finite, f32x4.ge(magnitude, k.splat(65520)))
  const signed = v128.or(bounded, v128.and(i32x4.shr_u(x, 16), k.splatBits(0x8000)))
  return v128.bitselect(signed, k.splatBits(0x7e00), f32x4.eq(x, x))
}

/** f32 lanes as bfloat16 in the low 16 bits, rounded to nearest even; every NaN is the quiet one. */
function floatToBrain(k: KernelBuilder, f: FunctionBuilder, value: Vector): Vector {
  const x = f.let(value)
  const odd = v128.and(i32x4.shr_u(x, 16), k.splatBits(1))
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, k.splatBits(0x7fff)), odd), 16)
  return v128.bitselect(rounded, k.splatBits(0x7fc0), f32x4.eq(x, x))
}

/**
 * Lanes of one kind as what `storeLanes` takes for `to`. Floats become integers by truncation, saturating; integers
 * become narrower ones by their low bits; bool is `!= 0`.
 */
export function convertLanes(k: KernelBuilder, f: FunctionBuilder, from: 'f32' | 'i32', to: LaneType, x: Vector): Vector {
  if (to === 'bool') {
    const nonzero = from === 'f32' ? f32x4.ne(x, f32x4.const(0)) : i32x4.ne(x, i32x4.const(0))
    return v128.and(nonzero, k.splatBits(1))
  }
  if (laneKind(to) === 'i32') {
    if (from === 'i32') return to === 'u8' ? v128.and(x, k.splatBits(255)) : x
    const integers = i32x4.trunc_sat_f32x4_s(x)
    return to === 'u8' ? i32x4.min_s(i32x4.max_s(integers, i32x4.const(0)), k.splatBits(255)) : integers
  }
  const floats = from === 'f32' ? x : f32x4.convert_i32x4_s(x)
  if (to === 'f16') return floatToHalf(k, f, floats)
  return to === 'bf16' ? floatToBrain(k, f, floats) : floats
}

/** Stores the low `bytesPerElement[dtype]` bytes of the first `lanes` lanes. */
export function storeLanes(f: FunctionBuilder, dtype: LaneType, address: Address, x: Vector, lanes: number, offset = 0): void {
  const bytes = bytesPerElement[dtype]
  if (bytes === 4) {
    f.store.lanes(address, x, lanes, offset)
    return
  }
  const all = f.let(x)
  if (lanes === 4) {
    const halves = i16x8.narrow_i32x4_u(all, all)
    if (bytes === 2) f.store.lanes(address, halves, 2, offset)
    else f.store.lanes(address, i8x16.narrow_i16x8_u(halves, halves), 1, offset)
    return
  }
  for (let lane = 0; lane < lanes; lane++) {
    const one = i32x4.extract(all, lane)
    if (bytes === 2) f.store.i16(address, one, offset + 2 * lane)
    else f.store.i8(address, one, offset + lane)
  }
}
