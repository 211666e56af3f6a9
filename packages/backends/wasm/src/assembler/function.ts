import { uleb } from './encode.js'
import { i32 } from './scalar.js'
import { constI32, type FunctionRef, Local, type Operand, Value, type ValueType, value } from './value.js'

/** Leaves or repeats the block it was made for. */
export interface Label {
  readonly depth: number
}

/** Writes the body of one function: statements in order, blocks as callbacks. Expressions come from `i32`, `f32x4`, … */
export class FunctionBuilder implements FunctionRef {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly result: ValueType | undefined
  /** The parameters as locals. */
  readonly args: readonly Local[]
  readonly locals: ValueType[] = []
  readonly code: (number | FunctionRef)[] = []
  #depth = 0

  constructor(name: string, params: readonly ValueType[], result?: ValueType) {
    this.name = name
    this.params = params
    this.result = result
    this.args = params.map((type, index) => new Local(type, index, [0x20, ...uleb(index)]))
  }

  /** A new variable, zero at the start of the function. */
  local<T extends ValueType>(type: T): Local<T> {
    const index = this.params.length + this.locals.push(type) - 1
    return new Local(type, index, [0x20, ...uleb(index)])
  }

  /** A new variable that holds `initial` from here on. */
  let<T extends ValueType>(initial: Value<T>): Local<T> {
    const local = this.local(initial.type)
    this.set(local, initial)
    return local
  }

  set<T extends ValueType>(local: Local<T>, to: Operand<T>): void {
    this.#emit(value(local.type, to), 0x21, ...uleb(local.index))
  }

  /** Sets variables at the start of the function. */
  prepend(values: readonly (readonly [Local, Value])[]): void {
    this.code.unshift(...values.flatMap(([local, x]) => [...x.code, 0x21, ...uleb(local.index)]))
  }

  /** Stores by the instruction of each type; `offset` is a constant number of bytes. */
  readonly store = {
    i32: (address: Operand<'i32'>, x: Operand<'i32'>, offset = 0) => this.#store('i32', [0x36, 2], address, x, offset),
    i64: (address: Operand<'i32'>, x: Operand<'i64'>, offset = 0) => this.#store('i64', [0x37, 3], address, x, offset),
    f32: (address: Operand<'i32'>, x: Operand<'f32'>, offset = 0) => this.#store('f32', [0x38, 2], address, x, offset),
    f64: (address: Operand<'i32'>, x: Operand<'f64'>, offset = 0) => this.#store('f64', [0x39, 3], address, x, offset),
    i8: (address: Operand<'i32'>, x: Operand<'i32'>, offset = 0) => this.#store('i32', [0x3a, 0], address, x, offset),
    i16: (address: Operand<'i32'>, x: Operand<'i32'>, offset = 0) => this.#store('i32', [0x3b, 1], address, x, offset),
    atomic: (address: Operand<'i32'>, x: Operand<'i32'>, offset = 0) => this.#store('i32', [0xfe, 0x17, 2], address, x, offset),
    v128: (address: Operand<'i32'>, x: Value<'v128'>, offset = 0) => this.#store('v128', [0xfd, 11, 2], address, x, offset),
    /** The first `lanes` f32 lanes (1 to 4). */
    lanes: (address: Operand<'i32'>, x: Value<'v128'>, lanes: number, offset = 0) => {
      const at = value('i32', address)
      if (lanes === 4) return this.store.v128(at, x, offset)
      if (lanes >= 2) this.#emit(at, x, 0xfd, 91, 2, ...uleb(offset), 0)
      if (lanes % 2 === 1) this.#emit(at, x, 0xfd, 90, 2, ...uleb(offset + 4 * (lanes - 1)), lanes - 1)
    },
  }

  /** Counts `i` from `from` up to but excluding `to`, unsigned. `to` is evaluated on each round. */
  for(from: Operand<'i32'>, to: Operand<'i32'>, step: number, body: (i: Local<'i32'>) => void): void {
    const i = this.let(value('i32', from))
    const known = typeof from === 'number' && typeof to === 'number'
    if (known && from >= to) return
    const rounds = () =>
      this.loop((again) => {
        body(i)
        this.set(i, i32.add(i, step))
        this.branchIf(again, i32.lt_u(i, to))
      })
    if (known) rounds()
    else this.if(i32.lt_u(i, to), rounds)
  }

  if(condition: Operand<'i32'>, then: () => void, otherwise?: () => void): void {
    this.#emit(value('i32', condition), 0x04, 0x40)
    this.#depth++
    then()
    if (otherwise) {
      this.code.push(0x05)
      otherwise()
    }
    this.#depth--
    this.code.push(0x0b)
  }

  /** A block; branching to its label leaves it. */
  block(body: (leave: Label) => void): void {
    this.#nest(0x02, body)
  }

  /** A loop; branching to its label starts it again, the end leaves it. */
  loop(body: (again: Label) => void): void {
    this.#nest(0x03, body)
  }

  branch(label: Label): void {
    this.code.push(0x0c, ...uleb(this.#depth - label.depth))
  }

  branchIf(label: Label, condition: Operand<'i32'>): void {
    this.#emit(value('i32', condition), 0x0d, ...uleb(this.#depth - label.depth))
  }

  return(result?: Value): void {
    if (result) this.#emit(result)
    this.code.push(0x0f)
  }

  unreachable(): void {
    this.code.push(0x00)
  }

  /** Calls a function for its effect. */
  do(call: Value | Call): void {
    this.code.push(...call.code)
    if (call instanceof Value) this.code.push(0x1a)
  }

  memoryFill(address: Operand<'i32'>, byte: Operand<'i32'>, bytes: Operand<'i32'>): void {
    this.#emit(value('i32', address), value('i32', byte), value('i32', bytes), 0xfc, 0x0b, 0)
  }

  memoryCopy(to: Operand<'i32'>, from: Operand<'i32'>, bytes: Operand<'i32'>): void {
    this.#emit(value('i32', to), value('i32', from), value('i32', bytes), 0xfc, 0x0a, 0, 0)
  }

  #store<T extends ValueType>(type: T, opcode: readonly number[], address: Operand<'i32'>, x: Operand<T>, offset: number): void {
    this.#emit(value('i32', address), value(type, x), ...opcode, ...uleb(offset))
  }

  #nest(opcode: number, body: (label: Label) => void): void {
    this.code.push(opcode, 0x40)
    body({ depth: ++this.#depth })
    this.#depth--
    this.code.push(0x0b)
  }

  #emit(...parts: (Value | number)[]): void {
    for (const part of parts) {
      if (typeof part === 'number') this.code.push(part)
      else for (const byte of part.code) this.code.push(byte)
    }
  }
}

/** A call of a function without a result: a statement for `f.do`. */
export interface Call {
  readonly code: readonly (number | FunctionRef)[]
}

const operandsOf = (target: FunctionRef, args: readonly (Value | number)[]) => {
  if (args.length !== target.params.length)
    throw new TypeError(`${target.name} takes ${target.params.length} arguments, got ${args.length}`)
  return args.flatMap(
    (arg, i) =>
      (typeof arg === 'number' && target.params[i] === 'i32' ? constI32(arg) : value(target.params[i], arg as Value)).code,
  )
}

/** A call of a function that gives nothing back. */
export function call(target: FunctionRef, ...args: readonly (Value | number)[]): Call {
  return { code: [...operandsOf(target, args), 0x10, target] }
}

/** A call of a function that gives a `type`. */
export function callFor<T extends ValueType>(type: T, target: FunctionRef, ...args: readonly (Value | number)[]): Value<T> {
  if (target.result !== type) throw new TypeError(`${target.name} gives ${target.result}, not ${type}`)
  return new Value(type, [...operandsOf(target, args), 0x10, target])
}
