import { CheckpointError } from '../errors.js'
import { REBUILDS } from '../pytorch/rebuild.js'
import type { Budget } from './budget.js'
import { assertHashable, CONSTRUCTORS } from './constructors.js'
import { Cursor } from './cursor.js'
import { resolveGlobal, roleOf } from './globals.js'
import { Op, opName } from './opcodes.js'
import { kindOf, PyDict, PyGlobal, PyOpaque, PyRecord, PySet, PyTuple, type PyValue } from './values.js'

export interface UnpickleOptions {
  readonly budget: Budget
  /** Gives the storage that a persistent id stands for; without it persistent ids are refused. */
  readonly persistentLoad?: (id: PyValue) => PyValue
  readonly unknownClasses: 'refuse' | 'opaque'
}

function invalid(problem: string): never {
  throw new CheckpointError('InvalidPickle', problem)
}

/**
 * Decodes the pickle that starts at `start` into inert data. No name is ever imported and nothing is called: REDUCE looks the
 * name up in a table of constructors of this package. No recursion, so nesting is limited by the budget only.
 *
 * @returns the value, and the position behind STOP
 */
export function unpickle(bytes: Uint8Array, start: number, options: UnpickleOptions): { value: PyValue; end: number } {
  const machine = new Machine(new Cursor(bytes, start), options)
  return machine.run()
}

class Machine {
  private readonly stack: PyValue[] = []
  /** Heights of the stack at the open marks; below the last one nothing may be taken. */
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PyValue>()

  private readonly cursor: Cursor
  private readonly options: UnpickleOptions

  constructor(cursor: Cursor, options: UnpickleOptions) {
    this.cursor = cursor
    this.options = options
  }

  run(): { value: PyValue; end: number } {
    let op = 0
    let at = this.cursor.pos
    try {
      for (;;) {
        at = this.cursor.pos
        op = -1
        op = this.cursor.u8()
        if (op === Op.STOP) return { value: this.pop(), end: this.cursor.pos }
        this.step(op)
      }
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error
      throw error.within(op < 0 ? `pickle, byte ${at}: no STOP` : `pickle, byte ${at}, ${opName(op)}`)
    }
  }

  private step(op: number): void {
    const { cursor, stack } = this
    switch (op) {
      case Op.PROTO: {
        const protocol = cursor.u8()
        if (protocol > 5) invalid(`protocol ${protocol}; 5 is the highest there is`)
        return
      }
      case Op.FRAME:
        cursor.frame()
        return
      case Op.MARK:
        this.marks.push(stack.length)
        return
      case Op.POP:
        if (stack.length > this.floor()) stack.pop()
        else this.popMark()
        return
      case Op.POP_MARK:
        this.popMark()
        return
      case Op.DUP:
        stack.push(this.top())
        return

      case Op.NONE:
        stack.push(null)
        return
      case Op.NEWTRUE:
        stack.push(true)
        return
      case Op.NEWFALSE:
        stack.push(false)
        return
      case Op.BININT:
        stack.push(cursor.i32())
        return
      case Op.BININT1:
        stack.push(cursor.u8())
        return
      case Op.BININT2:
        stack.push(cursor.u16())
        return
      case Op.LONG1:
        stack.push(cursor.long(cursor.u8()))
        return
      case Op.LONG4:
        stack.push(cursor.long(cursor.u32()))
        return
      case Op.BINFLOAT:
        stack.push(cursor.f64())
        return
      case Op.SHORT_BINUNICODE:
        stack.push(cursor.text(cursor.u8()))
        return
      case Op.BINUNICODE:
        stack.push(cursor.text(cursor.u32()))
        return
      case Op.BINUNICODE8:
        stack.push(cursor.text(cursor.u64()))
        return
      case Op.SHORT_BINBYTES:
        this.make(cursor.copy(cursor.u8()))
        return
      case Op.BINBYTES:
        this.make(cursor.copy(cursor.u32()))
        return
      case Op.BINBYTES8:
        this.make(cursor.copy(cursor.u64()))
        return

      case Op.EMPTY_LIST:
        this.make([])
        return
      case Op.LIST:
        this.make(this.popMark())
        return
      case Op.EMPTY_TUPLE:
        this.make(new PyTuple([]))
        return
      case Op.TUPLE:
        this.make(new PyTuple(this.popMark()))
        return
      case Op.TUPLE1:
      case Op.TUPLE2:
      case Op.TUPLE3:
        this.make(new PyTuple(this.popMany(op - Op.TUPLE1 + 1)))
        return
      case Op.EMPTY_DICT:
        this.make(new PyDict())
        return
      case Op.DICT: {
        const dict = new PyDict()
        this.setItems(dict, this.popMark())
        this.make(dict)
        return
      }
      case Op.EMPTY_SET:
        this.make(new PySet(false, []))
        return
      case Op.FROZENSET: {
        const items = this.popMark()
        items.forEach(assertHashable)
        this.make(new PySet(true, items))
        return
      }

      case Op.APPEND: {
        const item = this.pop()
        this.append([item])
        return
      }
      case Op.APPENDS:
        this.append(this.popMark())
        return
      case Op.SETITEM: {
        const pair = this.popMany(2)
        this.setItems(this.top(), pair)
        return
      }
      case Op.SETITEMS: {
        const pairs = this.popMark()
        this.setItems(this.top(), pairs)
        return
      }
      case Op.ADDITEMS: {
        const items = this.popMark()
        const set = this.top()
        if (!(set instanceof PySet) || set.frozen) invalid(`members for ${kindOf(set)}`)
        for (const item of items) {
          assertHashable(item)
          set.items.add(item)
        }
        return
      }

      case Op.BINGET:
        this.recall(cursor.u8())
        return
      case Op.LONG_BINGET:
        this.recall(cursor.u32())
        return
      case Op.BINPUT:
        this.memo.set(cursor.u8(), this.top())
        return
      case Op.LONG_BINPUT:
        this.memo.set(cursor.u32(), this.top())
        return
      case Op.MEMOIZE:
        this.memo.set(this.memo.size, this.top())
        return

      case Op.GLOBAL:
        this.make(resolveGlobal(cursor.line(), cursor.line(), this.options.unknownClasses))
        return
      case Op.STACK_GLOBAL: {
        const [module, name] = this.popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string') invalid('module and name must be text')
        this.make(resolveGlobal(module, name, this.options.unknownClasses))
        return
      }
      case Op.BINPERSID: {
        const id = this.pop()
        if (this.options.persistentLoad === undefined) invalid('a persistent id where no storage can be')
        this.make(this.options.persistentLoad(id))
        return
      }
      case Op.REDUCE:
        this.construct('REDUCE')
        return
      case Op.NEWOBJ:
        this.construct('NEWOBJ')
        return
      case Op.BUILD:
        this.build()
        return
      default:
        throw new CheckpointError(
          'ForbiddenOpcode',
          'this opcode does not occur in checkpoints of weights; nothing was run. The file is damaged or hostile',
        )
    }
  }

  private floor(): number {
    return this.marks.at(-1) ?? 0
  }

  private top(): PyValue {
    return this.stack.length > this.floor() ? (this.stack.at(-1) as PyValue) : invalid('the stack is empty')
  }

  private pop(): PyValue {
    const value = this.top()
    this.stack.pop()
    return value
  }

  private popMany(count: number): PyValue[] {
    if (this.stack.length - this.floor() < count) invalid(`the stack holds fewer than ${count} values`)
    return this.stack.splice(this.stack.length - count)
  }

  private popMark(): PyValue[] {
    return this.stack.splice(this.marks.pop() ?? invalid('there is no mark'))
  }

  private make(value: PyValue): void {
    this.options.budget.spend(1)
    this.stack.push(value)
  }

  private recall(slot: number): void {
    const value = this.memo.get(slot)
    if (value === undefined) invalid(`memo slot ${slot} was never set`)
    this.stack.push(value)
  }

  private append(items: PyValue[]): void {
    const list = this.top()
    const target = Array.isArray(list)
      ? list
      : list instanceof PyOpaque && list.unlisted
        ? list.parts
        : invalid(`items for ${kindOf(list)}, which is no list`)
    for (const item of items) target.push(item)
  }

  private setItems(target: PyValue, pairs: PyValue[]): void {
    if (pairs.length % 2 !== 0) invalid('a key without a value')
    if (target instanceof PyOpaque && target.unlisted) {
      for (const part of pairs) target.parts.push(part)
      return
    }
    const items =
      target instanceof PyDict
        ? target
        : target instanceof PyRecord
          ? target.items
          : invalid(`items for ${kindOf(target)}, which is no dict`)
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i] as PyValue
      assertHashable(key)
      items.set(key, pairs[i + 1] as PyValue)
    }
  }

  private construct(op: 'REDUCE' | 'NEWOBJ'): void {
    const [callee, args] = this.popMany(2)
    if (!(callee instanceof PyGlobal)) invalid(`${kindOf(callee as PyValue)} is nothing that builds a value`)
    if (!(args instanceof PyTuple)) invalid(`arguments for ${callee} must be a tuple, not ${kindOf(args as PyValue)}`)
    const { budget } = this.options
    const role = roleOf(callee)
    const className = `${callee.module}.${callee.qualname}`
    if (role === 'record') {
      if (args.items.length > 0) invalid(`${className} with arguments`)
      this.make(new PyRecord(className))
    } else if (role === undefined || (role === 'opaque' && op === 'REDUCE')) {
      const value = new PyOpaque(className, role === undefined)
      budget.spend(args.items.length)
      for (const item of args.items) value.parts.push(item)
      this.make(value)
    } else if (role === 'constructor' && op === 'REDUCE') {
      const key = callee.toString()
      const build = CONSTRUCTORS.get(key) ?? REBUILDS.get(key)
      if (build === undefined) throw new Error(`no constructor for the listed name ${key}`)
      try {
        this.make(build(args.items, budget))
      } catch (error) {
        throw error instanceof CheckpointError ? error.within(className) : error
      }
    } else throw new CheckpointError('ForbiddenGlobal', `${className} cannot be used this way; nothing was called`)
  }

  private build(): void {
    const state = this.pop()
    const target = this.top()
    if (target instanceof PyOpaque) {
      target.parts.push(state)
      return
    }
    const attributes = target instanceof PyRecord ? target.fields : target instanceof PyDict ? target.attributes : undefined
    if (attributes === undefined) throw new CheckpointError('ForbiddenGlobal', `a state for ${kindOf(target)}, which has none`)
    // Objects with slots are written with a pair of dicts.
    const parts = state instanceof PyTuple && state.items.length === 2 ? state.items : [state]
    for (const part of parts) {
      if (part === null) continue
      if (!(part instanceof PyDict)) invalid(`the state of ${kindOf(target)} must be a dict, not ${kindOf(part)}`)
      this.options.budget.spend(part.size)
      for (const [name, value] of part)
        attributes.set(typeof name === 'string' ? name : invalid('an attribute whose name is not text'), value)
    }
  }
}
