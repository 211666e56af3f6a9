/**
 * The first bytes of the memory: words through which threads agree, each on a cache line of its own. Byte addresses.
 */
export const control = {
  /** Changes whenever a sleeping worker should look up; the word that workers sleep on. */
  wake: 64,
  /** Messages posted to every worker so far. A worker that got fewer goes back to its event loop to receive them. */
  mail: 128,
  /** Jobs published so far, and the latest one: a program and the address of its pointer table. */
  job: 192,
  program: 256,
  table: 320,
  sleepers: 384,
  /** Not 0 once a thread has failed; the others then stop waiting for it. */
  lost: 448,
  /** The barrier: threads that have arrived, and how often all had. */
  arrived: 512,
  phase: 576,
  /** Threads that sleep at the barrier. */
  napping: 640,
} as const

/** Constants of kernels lie from here up to the heap. */
export const poolStart = 704

/** Where the heap starts. */
export const heapStart = 65536
