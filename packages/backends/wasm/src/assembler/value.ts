import { f32Bytes, f64Bytes, sleb, sleb64 } from './encode.js'

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** A function of the module or an import; its index is known when the module is encoded. */
export interface FunctionRef {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly result: ValueType | undefined
}

/** Instructions; a `FunctionRef` stands for the index of that function. */
export type Code = readonly (number | FunctionRef)[]

/**
 * An expression: the instructions that leave one value on the stack. Using it twice computes it twice; keep it in a
 * local (`f.let`) to compute it once.
 */
export class Value<T extends ValueType = ValueType> {
  readonly type: T
  readonly code: Code
  /** Set for i32 constants, so that address arithmetic folds. */
  readonly constant: number | undefined
  constructor(type: T, code: Code, constant?: number) {
    this.type = type
    this.code = code
    this.constant = constant
  }
}

/** A local variable or a parameter; as an expression, its value. */
export class Local<T extends ValueType = ValueType> extends Value<T> {
  readonly index: number
  constructor(type: T, index: number, code: Code) {
    super(type, code)
    this.index = index
  }
}

/** What an operand may be written as: a number becomes a constant. */
export type Operand<T extends ValueType> = Value<T> | (T extends 'i64' ? bigint : T extends 'v128' ? never : number)

const literals = {
  i32: (x: number) => new Value('i32', [0x41, ...sleb(x)], x | 0),
  i64: (x: bigint) => new Value('i64', [0x42, ...sleb64(x)]),
  f32: (x: number) => new Value('f32', [0x43, ...f32Bytes(x)]),
  f64: (x: number) => new Value('f64', [0x44, ...f64Bytes(x)]),
}

export const constI32 = literals.i32
export const constI64 = literals.i64
export const constF32 = literals.f32
export const constF64 = literals.f64

/** The expression for an operand of type `type`. */
export function value<T extends ValueType>(type: T, operand: Operand<T>): Value<T> {
  if (operand instanceof Value) {
    if (operand.type !== type) throw new TypeError(`expected ${type}, got ${operand.type}`)
    return operand
  }
  return (literals[type as 'i32'] as (x: unknown) => unknown)(operand) as Value<T>
}
