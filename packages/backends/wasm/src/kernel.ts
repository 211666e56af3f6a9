import type { Capabilities, Launch, OpCall, Refusal } from '@scanline/tensor'
import {
  type FunctionBuilder,
  type FunctionRef,
  f32x4,
  i32x4,
  type Local,
  type ModuleBuilder,
  type Value,
  v128,
} from './assembler/index.js'
import { type ConstantPool, f32Bits } from './constant-pool.js'

/** How the work of a launch is cut up. Part of every kernel's params. */
export interface Split {
  /** Items of work, independent of each other: rows, tiles, … */
  readonly range: number
  /** The fewest items that are worth a thread of their own. */
  readonly grain: number
  /**
   * Items that one call of the kernel's function gets. V8 swaps in optimised code only when a function is called again,
   * so the function must return often: some ten microseconds of work a call.
   */
  readonly chunk: number
}

/** `Split` of `range` items that take about `instructions` vector instructions each. */
export function split(range: number, instructions: number): Split {
  const cost = Math.max(1, instructions)
  return { range, grain: Math.max(1, Math.ceil(10_000 / cost)), chunk: Math.max(1, Math.ceil(20_000 / cost)) }
}

/** A launch whose params are known. */
export interface LaunchOf<P extends Split> extends Launch {
  readonly params: P
}

export interface KernelSpec<P extends Split> {
  /** Unique; what `Launch.kernel` says. */
  readonly name: string
  /** The op it implements. A kernel that only prepares inputs of others has none. */
  readonly op?: string
  /** Pure: the launch for a call, or why there is none. */
  select?(call: OpCall, capabilities: Capabilities): Launch | Refusal
  /** Writes the function for `params`, by `builder.define`. */
  emit(builder: KernelBuilder, params: P): FunctionRef
}

/** A kernel whose params only it understands. */
export type Kernel = KernelSpec<Split>

/** One file in `kernels/` makes one of these; `kernels/index.ts` lists them. */
export function defineKernel<P extends Split>(spec: KernelSpec<P>): KernelSpec<P> & Kernel {
  // The params that reach `emit` come from this kernel's own `select`, whatever they went through in between.
  return spec as unknown as KernelSpec<P> & Kernel
}

/** The share of the work that a kernel's function is called for. */
export interface Share {
  /** Items from `begin` up to but excluding `end`; never empty. */
  readonly begin: Local<'i32'>
  readonly end: Local<'i32'>
  /** 0 … `capabilities.threads` - 1, to find the thread's own part of the scratch memory. */
  readonly thread: Local<'i32'>
}

/** What a kernel writes its function with. */
export class KernelBuilder {
  readonly module: ModuleBuilder
  readonly relaxedSimd: boolean
  readonly #name: string
  readonly #constants: ConstantPool
  /** What is being written, and the constants that it keeps in variables. */
  #function: { readonly f: FunctionBuilder; readonly held: Map<number, Local<'v128'>> } | undefined

  constructor(module: ModuleBuilder, name: string, relaxedSimd: boolean, constants: ConstantPool) {
    this.module = module
    this.relaxedSimd = relaxedSimd
    this.#name = name
    this.#constants = constants
  }

  /**
   * The kernel's function: `pointers` addresses (inputs, outputs, scratch, in that order), then a share of the range.
   * Every tensor may be read up to 60 bytes past its end, never written there.
   */
  define(pointers: number, write: (f: FunctionBuilder, pointers: readonly Local<'i32'>[], share: Share) => void): FunctionRef {
    const params = new Array<'i32'>(pointers + 3).fill('i32')
    return this.module.function(this.#name, params, undefined, (f) => {
      const args = f.args as readonly Local<'i32'>[]
      const [begin, end, thread] = args.slice(pointers)
      this.#within(f, () => write(f, args.slice(0, pointers), { begin, end, thread }))
    })
  }

  /** A function of the kernel's own, for a loop that should have the registers to itself. */
  helper(name: string, params: number, write: (f: FunctionBuilder, args: readonly Local<'i32'>[]) => void): FunctionRef {
    return this.module.function(`${this.#name}_${name}`, new Array<'i32'>(params).fill('i32'), undefined, (f) => {
      this.#within(f, () => write(f, f.args as readonly Local<'i32'>[]))
    })
  }

  /**
   * Constants are read once, at the start of the function: what a loop has no register for V8 then keeps on the stack and
   * reads where it is used, while loads within a loop are all moved to its start and spilled from there.
   */
  #within(f: FunctionBuilder, write: () => void): void {
    const outer = this.#function
    const held = new Map<number, Local<'v128'>>()
    this.#function = { f, held }
    write()
    f.prepend([...held].map(([address, local]) => [local, v128.load(0, address)] as const))
    this.#function = outer
  }

  /** `x` in every f32 lane. */
  splat(x: number): Value<'v128'> {
    return this.splatBits(f32Bits(x))
  }

  /** A 32-bit pattern in every lane. */
  splatBits(bits: number): Value<'v128'> {
    // Zero is one instruction without a load.
    const address = bits === 0 ? undefined : this.#constants.address(bits)
    if (address === undefined) return i32x4.const(bits)
    if (!this.#function) return v128.load(0, address)
    const { f, held } = this.#function
    const local = held.get(address) ?? f.local('v128')
    held.set(address, local)
    return local
  }

  /** `a * b + c` on f32 lanes, fused where the engine can. */
  madd(a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>): Value<'v128'> {
    return this.relaxedSimd ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c)
  }
}

/** Items per thread and how many threads get any. The cut depends on the params and the thread count only. */
export function shares(params: Split, threads: number): { readonly share: number; readonly threads: number } {
  const useful = Math.max(1, Math.min(threads, Math.floor(params.range / params.grain)))
  const share = Math.ceil(params.range / useful)
  return { share, threads: share === 0 ? 0 : Math.ceil(params.range / share) }
}
