/** A value of a program: its size and the first and last step that touch it. */
export interface Lifetime {
  readonly bytes: number
  readonly first: number
  readonly last: number
}

/** Where every value lies: in which slot, and from which byte of it. */
export interface MemoryPlan {
  /** Bytes of each slot. */
  readonly slots: readonly number[]
  readonly places: readonly { readonly slot: number; readonly offset: number }[]
}

export const overlaps = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last

export const alignUp = (n: number, alignment: number): number => Math.ceil(n / alignment) * alignment
