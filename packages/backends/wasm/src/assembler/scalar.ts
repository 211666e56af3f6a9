import { uleb } from './encode.js'
import { type Code, constF32, constF64, constI32, constI64, type Operand, Value, type ValueType, value } from './value.js'

/** An expression of `result` from an opcode, its immediates and its operands. */
export function op<R extends ValueType>(result: R, opcode: readonly number[], ...operands: readonly Value[]): Value<R> {
  const code: Code[number][] = []
  for (const operand of operands) for (const part of operand.code) code.push(part)
  return new Value(result, [...code, ...opcode])
}

export const unary =
  <A extends ValueType, R extends ValueType>(from: A, result: R, ...opcode: number[]) =>
  (a: Operand<A>): Value<R> =>
    op(result, opcode, value(from, a))

export const binary =
  <A extends ValueType, R extends ValueType>(from: A, result: R, ...opcode: number[]) =>
  (a: Operand<A>, b: Operand<A>): Value<R> =>
    op(result, opcode, value(from, a), value(from, b))

/** A load: address, then a constant byte offset. `align` is the exponent of the alignment hint. */
export const load =
  <R extends ValueType>(result: R, align: number, ...opcode: number[]) =>
  (address: Operand<'i32'>, offset = 0): Value<R> =>
    op(result, [...opcode, align, ...uleb(offset)], value('i32', address))

const i32Add = binary('i32', 'i32', 0x6a)
const i32Mul = binary('i32', 'i32', 0x6c)
const i32ShiftLeft = binary('i32', 'i32', 0x74)

type Int = Operand<'i32'>
const constantOf = (x: Int): number | undefined => (x instanceof Value ? x.constant : x)

/** Sum of all operands, constants folded. */
function addAll(...terms: Int[]): Value<'i32'> {
  let sum: Value<'i32'> | undefined
  let constant = 0
  for (const term of terms) {
    const c = constantOf(term)
    if (c !== undefined) constant = (constant + c) | 0
    else sum = sum === undefined ? value('i32', term) : i32Add(sum, term)
  }
  if (sum === undefined) return constI32(constant)
  return constant === 0 ? sum : i32Add(sum, constant)
}

function mulFolded(a: Int, b: Int): Value<'i32'> {
  const x = constantOf(a)
  const y = constantOf(b)
  if (x !== undefined && y !== undefined) return constI32(Math.imul(x, y))
  if (x !== undefined) return mulFolded(b, a)
  if (y === 0) return constI32(0)
  if (y === 1) return value('i32', a)
  if (y !== undefined && y > 0 && (y & (y - 1)) === 0) return i32ShiftLeft(a, 31 - Math.clz32(y))
  return i32Mul(a, b)
}

const unlessOne = (divide: (a: Int, b: Int) => Value<'i32'>) => (a: Int, b: Int) =>
  constantOf(b) === 1 ? value('i32', a) : divide(a, b)

/** i32 instructions, named as in the text format. Addresses are i32. */
export const i32 = {
  const: constI32,
  add: addAll,
  sub: binary('i32', 'i32', 0x6b),
  mul: mulFolded,
  div_s: binary('i32', 'i32', 0x6d),
  div_u: unlessOne(binary('i32', 'i32', 0x6e)),
  rem_s: binary('i32', 'i32', 0x6f),
  rem_u: binary('i32', 'i32', 0x70),
  and: binary('i32', 'i32', 0x71),
  or: binary('i32', 'i32', 0x72),
  xor: binary('i32', 'i32', 0x73),
  shl: i32ShiftLeft,
  shr_s: binary('i32', 'i32', 0x75),
  shr_u: binary('i32', 'i32', 0x76),
  rotl: binary('i32', 'i32', 0x77),
  clz: unary('i32', 'i32', 0x67),
  ctz: unary('i32', 'i32', 0x68),
  eqz: unary('i32', 'i32', 0x45),
  eq: binary('i32', 'i32', 0x46),
  ne: binary('i32', 'i32', 0x47),
  lt_s: binary('i32', 'i32', 0x48),
  lt_u: binary('i32', 'i32', 0x49),
  gt_s: binary('i32', 'i32', 0x4a),
  gt_u: binary('i32', 'i32', 0x4b),
  le_s: binary('i32', 'i32', 0x4c),
  le_u: binary('i32', 'i32', 0x4d),
  ge_s: binary('i32', 'i32', 0x4e),
  ge_u: binary('i32', 'i32', 0x4f),
  wrap_i64: unary('i64', 'i32', 0xa7),
  trunc_sat_f32_s: unary('f32', 'i32', 0xfc, 0x00),
  trunc_sat_f32_u: unary('f32', 'i32', 0xfc, 0x01),
  trunc_sat_f64_s: unary('f64', 'i32', 0xfc, 0x02),
  trunc_sat_f64_u: unary('f64', 'i32', 0xfc, 0x03),
  reinterpret_f32: unary('f32', 'i32', 0xbc),
  load: load('i32', 2, 0x28),
  load8_s: load('i32', 0, 0x2c),
  load8_u: load('i32', 0, 0x2d),
  load16_s: load('i32', 1, 0x2e),
  load16_u: load('i32', 1, 0x2f),
  /** `condition ? a : b` */
  select: (a: Int, b: Int, condition: Int): Value<'i32'> =>
    op('i32', [0x1b], value('i32', a), value('i32', b), value('i32', condition)),
  atomic: {
    load: load('i32', 2, 0xfe, 0x10),
    /** Adds and gives the old value. */
    add: (address: Int, operand: Int, offset = 0): Value<'i32'> =>
      op('i32', [0xfe, 0x1e, 2, ...uleb(offset)], value('i32', address), value('i32', operand)),
    /** Wakes up to `count` threads that sleep on the word; gives how many there were. */
    notify: (address: Int, count: Int): Value<'i32'> => op('i32', [0xfe, 0x00, 2, 0], value('i32', address), value('i32', count)),
  },
}

/** The smaller of two unsigned integers. Both are evaluated twice. */
export const minU = (a: Int, b: Int): Value<'i32'> => i32.select(a, b, i32.lt_u(a, b))

/** The larger of two signed integers. Both are evaluated twice. */
export const maxS = (a: Int, b: Int): Value<'i32'> => i32.select(a, b, i32.gt_s(a, b))

/** The smaller of two signed integers. Both are evaluated twice. */
export const minS = (a: Int, b: Int): Value<'i32'> => i32.select(a, b, i32.lt_s(a, b))

export const i64 = {
  const: constI64,
  add: binary('i64', 'i64', 0x7c),
  sub: binary('i64', 'i64', 0x7d),
  mul: binary('i64', 'i64', 0x7e),
  and: binary('i64', 'i64', 0x83),
  or: binary('i64', 'i64', 0x84),
  xor: binary('i64', 'i64', 0x85),
  shl: binary('i64', 'i64', 0x86),
  shr_s: binary('i64', 'i64', 0x87),
  shr_u: binary('i64', 'i64', 0x88),
  eqz: unary('i64', 'i32', 0x50),
  eq: binary('i64', 'i32', 0x51),
  ne: binary('i64', 'i32', 0x52),
  lt_s: binary('i64', 'i32', 0x53),
  gt_s: binary('i64', 'i32', 0x55),
  le_s: binary('i64', 'i32', 0x57),
  ge_s: binary('i64', 'i32', 0x59),
  extend_i32_s: unary('i32', 'i64', 0xac),
  extend_i32_u: unary('i32', 'i64', 0xad),
  trunc_sat_f32_s: unary('f32', 'i64', 0xfc, 0x04),
  trunc_sat_f64_s: unary('f64', 'i64', 0xfc, 0x06),
  load: load('i64', 3, 0x29),
}

export const f32 = {
  const: constF32,
  add: binary('f32', 'f32', 0x92),
  sub: binary('f32', 'f32', 0x93),
  mul: binary('f32', 'f32', 0x94),
  div: binary('f32', 'f32', 0x95),
  min: binary('f32', 'f32', 0x96),
  max: binary('f32', 'f32', 0x97),
  abs: unary('f32', 'f32', 0x8b),
  neg: unary('f32', 'f32', 0x8c),
  ceil: unary('f32', 'f32', 0x8d),
  floor: unary('f32', 'f32', 0x8e),
  trunc: unary('f32', 'f32', 0x8f),
  nearest: unary('f32', 'f32', 0x90),
  sqrt: unary('f32', 'f32', 0x91),
  eq: binary('f32', 'i32', 0x5b),
  ne: binary('f32', 'i32', 0x5c),
  lt: binary('f32', 'i32', 0x5d),
  gt: binary('f32', 'i32', 0x5e),
  le: binary('f32', 'i32', 0x5f),
  ge: binary('f32', 'i32', 0x60),
  convert_i32_s: unary('i32', 'f32', 0xb2),
  convert_i32_u: unary('i32', 'f32', 0xb3),
  convert_i64_s: unary('i64', 'f32', 0xb4),
  demote_f64: unary('f64', 'f32', 0xb6),
  reinterpret_i32: unary('i32', 'f32', 0xbe),
  load: load('f32', 2, 0x2a),
  /** `condition ? a : b` */
  select: (a: Operand<'f32'>, b: Operand<'f32'>, condition: Int): Value<'f32'> =>
    op('f32', [0x1b], value('f32', a), value('f32', b), value('i32', condition)),
}

export const f64 = {
  const: constF64,
  add: binary('f64', 'f64', 0xa0),
  sub: binary('f64', 'f64', 0xa1),
  mul: binary('f64', 'f64', 0xa2),
  div: binary('f64', 'f64', 0xa3),
  sqrt: unary('f64', 'f64', 0x9f),
  eq: binary('f64', 'i32', 0x61),
  ne: binary('f64', 'i32', 0x62),
  lt: binary('f64', 'i32', 0x63),
  gt: binary('f64', 'i32', 0x64),
  convert_i32_s: unary('i32', 'f64', 0xb7),
  convert_i32_u: unary('i32', 'f64', 0xb8),
  convert_i64_s: unary('i64', 'f64', 0xb9),
  promote_f32: unary('f32', 'f64', 0xbb),
  load: load('f64', 3, 0x2b),
}
