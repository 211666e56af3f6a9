import type { Launch, OpCall, Refusal } from '@scanline/tensor'

/** What kernels are chosen for. Plain data. */
export interface Target {
  readonly threads: number
  /** f32 in a vector: 16 with AVX-512, 8 with AVX2, 4 with NEON. */
  readonly lanes: number
}

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
