import type { Launch, OpCall, Refusal } from '@scanline/tensor'

/** What kernels are chosen for. Plain data. */
export interface Target {
  readonly threads: number
  /** f32 in a vector: 16 with AVX-512, 8 with AVX2, 4 with NEON. */
  readonly lanes: number
  /** Whether products of bfloat16 are there, and are to be used unless an op's `precision` says otherwise. */
  readonly bf16: { readonly available: boolean; readonly byDefault: boolean }
}

/** Whether a call's products are to be of bfloat16. */
export const inBf16 = ({ attrs }: OpCall, { bf16 }: Target): boolean =>
  bf16.available && (attrs.precision === undefined ? bf16.byDefault : attrs.precision === 'bf16')

/**
 * What a native kernel reads, in the order of its constructor (see `encode`): numbers, booleans, names, lists and
 * records of them. No `undefined`, as that would not survive JSON.
 */
export type Params = number | boolean | string | readonly Params[] | { readonly [field: string]: Params }

export interface KernelSpec {
  /** Unique; what `Launch.kernel` says, and the name in native/kernels/list.h. */
  readonly name: string
  /** The op it implements. A kernel that only prepares inputs of others has none. */
  readonly op?: string
  /** Pure: the launch for a call, or why there is none. */
  select?(call: OpCall, target: Target): Launch | Refusal
}
