/** What a thread is started with. Buffers are shared. */
export interface Start {
  /** From 1; marks the items that the thread has taken. */
  readonly thread: number
  readonly prepare: import('./transform.js').PrepareConfig
  /** Values of one image. */
  readonly size: number
  /** One batch each. */
  readonly buffers: readonly SharedArrayBuffer[]
  /** For each buffer, the state of each of its items: see {@link open} and {@link claim}. */
  readonly states: readonly SharedArrayBuffer[]
}

export interface Item {
  /** Place in the batch. */
  readonly at: number
  readonly path: string
  readonly place: number
  /** Positive, and new each time that something is offered for this place of the buffer. */
  readonly ticket: number
}

/** Work that is up to whoever takes it first. */
export interface Job {
  readonly buffer: number
  readonly epoch: number
  readonly items: readonly Item[]
}

/** What came of an item. `damaged`: of the file; `failed`: a mistake of the program or its configuration. */
export interface Outcome {
  readonly buffer: number
  readonly at: number
  readonly ticket: number
  readonly result: 'done' | 'damaged' | 'failed'
  readonly message?: string
}

/** An item that waits has the state -ticket, one that is taken the number of its thread. */
export const open = (states: Int32Array, at: number, ticket: number): void => void Atomics.store(states, at, -ticket)

export const isOpen = (states: Int32Array, at: number, ticket: number): boolean => Atomics.load(states, at) === -ticket

/** Takes an item for a thread, if nobody else has. */
export const claim = (states: Int32Array, at: number, ticket: number, thread: number): boolean =>
  Atomics.compareExchange(states, at, -ticket, thread) === -ticket

export const takenBy = (states: Int32Array, at: number): number => Math.max(0, Atomics.load(states, at))
