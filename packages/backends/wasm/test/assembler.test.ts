import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  call,
  callFor,
  type FunctionBuilder,
  f32,
  f32x4,
  f64,
  i32,
  i32x4,
  i64,
  type Local,
  ModuleBuilder,
  minU,
  type Value,
  type ValueType,
  v128,
} from '../src/assembler/index.js'

const pages = { initial: 1, maximum: 2, shared: false }

/** The function that `write` writes, ready to be called, and the memory it sees. */
function assemble(
  params: readonly ValueType[],
  result: ValueType | undefined,
  write: (f: FunctionBuilder, module: ModuleBuilder) => void,
) {
  const module = new ModuleBuilder(pages)
  module.export(module.function('f', params, result, (f) => write(f, module)))
  const memory = new WebAssembly.Memory(pages)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), { env: { memory }, Math: Math as never })
  return { f: exports.f as (...args: (number | bigint)[]) => number | bigint, memory }
}

const i32Args = (f: FunctionBuilder) => f.args as readonly Local<'i32'>[]

describe('constants', () => {
  test('i32 of any value', () => {
    fc.assert(
      fc.property(fc.integer(), (x) => {
        expect(assemble([], 'i32', (f) => f.return(i32.const(x))).f()).toBe(x)
      }),
    )
  })
  test('i64 of any value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (x) => {
        expect(assemble([], 'i64', (f) => f.return(i64.const(x))).f()).toBe(x)
      }),
    )
  })
  test('f32 and f64, bit for bit', () => {
    fc.assert(
      fc.property(fc.float(), fc.double(), (x, y) => {
        expect(assemble([], 'f32', (f) => f.return(f32.const(x))).f()).toBe(x)
        expect(assemble([], 'f64', (f) => f.return(f64.const(y))).f()).toBe(y)
      }),
    )
  })
  test('an address above 2 GiB is its bit pattern', () => {
    expect(assemble([], 'i32', (f) => f.return(i32.const(0xffff_fff0))).f()).toBe(-16)
  })
})

describe('expressions', () => {
  const binary: Record<string, [(a: Value<'i32'>, b: Value<'i32'>) => Value<'i32'>, (a: number, b: number) => number]> = {
    add: [i32.add, (a, b) => (a + b) | 0],
    sub: [i32.sub, (a, b) => (a - b) | 0],
    mul: [i32.mul, Math.imul],
    and: [i32.and, (a, b) => a & b],
    xor: [i32.xor, (a, b) => a ^ b],
    shl: [i32.shl, (a, b) => a << b],
    shr_s: [i32.shr_s, (a, b) => a >> b],
    lt_s: [i32.lt_s, (a, b) => Number(a < b)],
    lt_u: [i32.lt_u, (a, b) => Number(a >>> 0 < b >>> 0)],
    minU: [minU, (a, b) => Math.min(a >>> 0, b >>> 0) | 0],
  }
  test.each(Object.entries(binary))('i32 %s, on variables and with folded constants', (_, [instruction, expected]) => {
    const variables = assemble(['i32', 'i32'], 'i32', (f) => f.return(instruction(i32Args(f)[0], i32Args(f)[1]))).f
    fc.assert(
      fc.property(fc.integer(), fc.oneof(fc.integer(), fc.constantFrom(0, 1, 2, 1024, -1)), (a, b) => {
        expect(variables(a, b)).toBe(expected(a, b))
        expect(assemble(['i32'], 'i32', (f) => f.return(instruction(i32Args(f)[0], i32.const(b)))).f(a)).toBe(expected(a, b))
        expect(assemble([], 'i32', (f) => f.return(instruction(i32.const(a), i32.const(b)))).f()).toBe(expected(a, b))
      }),
      { numRuns: 50 },
    )
  })

  test('an operand of the wrong type is refused while writing', () => {
    expect(() => i32.add(f32.const(1) as never, 1)).toThrow('expected i32, got f32')
    expect(() => i32.eqz(i64.const(1n) as never)).toThrow('expected i32, got i64')
  })
})

describe('control flow', () => {
  test('for counts from, to, by step; empty ranges run no round', () => {
    const count = (from: number, to: number, step: number) =>
      assemble(['i32', 'i32'], 'i32', (f) => {
        const [begin, end] = i32Args(f)
        const sum = f.local('i32')
        f.for(begin, end, step, (i) => f.set(sum, i32.add(sum, i)))
        f.return(sum)
      }).f(from, to)
    expect(count(0, 5, 1)).toBe(10)
    expect(count(2, 10, 3)).toBe(15)
    expect(count(5, 5, 1)).toBe(0)
    expect(count(6, 5, 1)).toBe(0)
  })

  test('blocks, branches, if and else nest', () => {
    // Collatz steps: a loop inside a block that is left from within an if.
    const { f } = assemble(['i32'], 'i32', (f) => {
      const [n] = i32Args(f)
      const steps = f.local('i32')
      f.block((leave) => {
        f.loop((again) => {
          f.if(i32.eq(n, 1), () => f.branch(leave))
          f.if(
            i32.and(n, 1),
            () => f.set(n, i32.add(i32.mul(n, 3), 1)),
            () => f.set(n, i32.shr_u(n, 1)),
          )
          f.set(steps, i32.add(steps, 1))
          f.branchIf(again, 1)
        })
      })
      f.return(steps)
    })
    expect([1, 2, 3, 27].map((n) => f(n))).toEqual([0, 1, 7, 111])
  })

  test('functions call each other and imports', () => {
    const { f } = assemble(['f64', 'f64'], 'f64', (f, module) => {
      const pow = module.import('Math', 'pow', ['f64', 'f64'], 'f64')
      const square = module.function('square', ['f64'], 'f64', (g) => {
        const [x] = g.args as readonly Local<'f64'>[]
        g.return(f64.mul(x, x))
      })
      const nothing = module.function('nothing', ['i32'], undefined, () => {})
      f.do(call(nothing, 3))
      f.return(callFor('f64', square, callFor('f64', pow, ...f.args)))
    })
    expect(f(2, 5)).toBe(1024)
  })
})

describe('memory', () => {
  test('lanes are stored one to four at a time, nothing beyond', () => {
    for (const lanes of [1, 2, 3, 4]) {
      const { f, memory } = assemble([], undefined, (f) => f.store.lanes(16, v128.load(0), lanes, 4))
      const words = new Float32Array(memory.buffer)
      words.set([1, 2, 3, 4])
      f()
      expect(Array.from(words.subarray(4, 10))).toEqual([0, 1, 2, 3, 4].map((x) => (x <= lanes ? x : 0)).concat(0))
    }
  })

  test('fill, copy, splatting and lane loads, atomics', () => {
    const { f, memory } = assemble([], 'i32', (f) => {
      f.memoryFill(64, 0xff, 8)
      f.memoryCopy(80, 64, 4)
      f.store.v128(96, v128.load32_splat(0))
      f.store.v128(112, v128.load32_lane(0, v128.load(96), 2, 4))
      f.store.atomic(128, 5)
      f.do(i32.atomic.add(128, 2))
      f.return(i32.atomic.load(128))
    })
    const words = new Int32Array(memory.buffer)
    words.set([11, 22])
    expect(f()).toBe(7)
    expect(Array.from(words.subarray(16, 19))).toEqual([-1, -1, 0])
    expect(Array.from(words.subarray(20, 22))).toEqual([-1, 0])
    expect(Array.from(words.subarray(24, 32))).toEqual([11, 11, 11, 11, 11, 11, 22, 11])
  })

  test('vectors of floats and integers', () => {
    const { f, memory } = assemble([], undefined, (f) => {
      f.store.v128(32, f32x4.add(f32x4.mul(v128.load(0), f32x4.const(2)), f32x4.splat(1)))
      f.store.v128(48, i32x4.shl(i32x4.trunc_sat_f32x4_s(v128.load(0)), 1))
      f.store.v128(64, v128.bitselect(f32x4.const(1), f32x4.const(0), f32x4.lt(v128.load(0), f32x4.const(2))))
    })
    new Float32Array(memory.buffer).set([1, 2.5, -3, 0])
    f()
    expect(Array.from(new Float32Array(memory.buffer, 32, 4))).toEqual([3, 6, -5, 1])
    expect(Array.from(new Int32Array(memory.buffer, 48, 4))).toEqual([2, 4, -6, 0])
    expect(Array.from(new Float32Array(memory.buffer, 64, 4))).toEqual([1, 0, 1, 1])
  })
})

test('a module with hundreds of functions and locals is valid', () => {
  const module = new ModuleBuilder({ initial: 1, maximum: 65536, shared: true })
  for (let n = 0; n < 300; n++) {
    module.function(`f${n}`, ['i32'], 'i32', (f) => {
      const locals = Array.from({ length: 200 }, (_, i) => f.let(i % 2 ? f32x4.const(i) : i32.const(i)))
      f.store.v128(0, locals[199] as Value<'v128'>)
      f.return(f.args[0])
    })
  }
  expect(WebAssembly.validate(module.bytes())).toBe(true)
})
