import { f32Bytes, f64Bytes, i32Bytes, uleb } from './encode.js'
import { binary, load, op, unary } from './scalar.js'
import { type Operand, Value, type ValueType, value } from './value.js'

type Vector = Value<'v128'>

const simd = (opcode: number): number[] => [0xfd, ...uleb(opcode)]
const unaryV = (opcode: number) => unary('v128', 'v128', ...simd(opcode))
const binaryV = (opcode: number) => binary('v128', 'v128', ...simd(opcode))
const ternaryV = (opcode: number) => (a: Vector, b: Vector, c: Vector) => op('v128', simd(opcode), a, b, c)
const testV = (opcode: number) => unary('v128', 'i32', ...simd(opcode))
const loadV = (opcode: number, align: number) => load('v128', align, ...simd(opcode))
const shiftV = (opcode: number) => (a: Vector, bits: Operand<'i32'>) => op('v128', simd(opcode), a, value('i32', bits))
const splat =
  <T extends ValueType>(lane: T, opcode: number) =>
  (x: Operand<T>) =>
    op('v128', simd(opcode), value(lane, x))
const extract =
  <T extends ValueType>(lane: T, opcode: number) =>
  (a: Vector, index: number) =>
    op(lane, [...simd(opcode), index], a)
const replace =
  <T extends ValueType>(lane: T, opcode: number) =>
  (a: Vector, index: number, x: Operand<T>) =>
    op('v128', [...simd(opcode), index], a, value(lane, x))
/** A constant that repeats `lane`. */
const constant = (lane: readonly number[]): Vector =>
  new Value('v128', [...simd(12), ...(lane.length === 4 ? [...lane, ...lane, ...lane, ...lane] : [...lane, ...lane])])

export const v128 = {
  load: loadV(0, 2),
  load8_splat: loadV(7, 0),
  load16_splat: loadV(8, 1),
  load32_splat: loadV(9, 2),
  load64_splat: loadV(10, 2),
  /** Low lanes from memory, zeros above. */
  load32_zero: loadV(92, 2),
  load64_zero: loadV(93, 2),
  load32_lane: (address: Operand<'i32'>, vector: Vector, lane: number, offset = 0): Vector =>
    op('v128', [...simd(86), 2, ...uleb(offset), lane], value('i32', address), vector),
  not: unaryV(77),
  and: binaryV(78),
  /** `a & ~b` */
  andnot: binaryV(79),
  or: binaryV(80),
  xor: binaryV(81),
  /** Bits of `a` where the mask is set, else of `b`. */
  bitselect: ternaryV(82),
  any_true: testV(83),
}

export const i8x16 = {
  shuffle: (a: Vector, b: Vector, lanes: readonly number[]): Vector => op('v128', [...simd(13), ...lanes], a, b),
  narrow_i16x8_s: binaryV(101),
  narrow_i16x8_u: binaryV(102),
}

export const i16x8 = {
  narrow_i32x4_s: binaryV(133),
  narrow_i32x4_u: binaryV(134),
  extend_low_i8x16_s: unaryV(135),
  extend_low_i8x16_u: unaryV(137),
}

export const i32x4 = {
  const: (x: number): Vector => constant(i32Bytes(x)),
  splat: splat('i32', 17),
  extract: extract('i32', 27),
  replace: replace('i32', 28),
  eq: binaryV(55),
  ne: binaryV(56),
  lt_s: binaryV(57),
  gt_s: binaryV(59),
  extend_low_i16x8_s: unaryV(167),
  extend_low_i16x8_u: unaryV(169),
  shl: shiftV(171),
  shr_s: shiftV(172),
  shr_u: shiftV(173),
  add: binaryV(174),
  sub: binaryV(177),
  mul: binaryV(181),
  min_s: binaryV(182),
  max_s: binaryV(184),
  trunc_sat_f32x4_s: unaryV(248),
}

export const f32x4 = {
  const: (x: number): Vector => constant(f32Bytes(x)),
  splat: splat('f32', 19),
  extract: extract('f32', 31),
  replace: replace('f32', 32),
  eq: binaryV(65),
  ne: binaryV(66),
  lt: binaryV(67),
  gt: binaryV(68),
  le: binaryV(69),
  ge: binaryV(70),
  demote_f64x2_zero: unaryV(94),
  ceil: unaryV(103),
  floor: unaryV(104),
  trunc: unaryV(105),
  nearest: unaryV(106),
  abs: unaryV(224),
  neg: unaryV(225),
  sqrt: unaryV(227),
  add: binaryV(228),
  sub: binaryV(229),
  mul: binaryV(230),
  div: binaryV(231),
  /** NaN when either side is NaN. */
  min: binaryV(232),
  max: binaryV(233),
  /** `b < a ? b : a`: one instruction on every machine, and `a` when a side is NaN. */
  pmin: binaryV(234),
  /** `a < b ? b : a`: one instruction on every machine, and `a` when a side is NaN. */
  pmax: binaryV(235),
  convert_i32x4_s: unaryV(250),
  /** `a * b + c`, rounded once or twice as the machine likes. */
  relaxed_madd: ternaryV(0x105),
}

export const f64x2 = {
  const: (x: number): Vector => constant(f64Bytes(x)),
  splat: splat('f64', 20),
  extract: extract('f64', 33),
  promote_low_f32x4: unaryV(95),
  add: binaryV(240),
  sub: binaryV(241),
  mul: binaryV(242),
  div: binaryV(243),
}
