import type { MemoryUse } from '@scanline/tensor'

/** Every address and length is a multiple of it: a cache line, and what planned offsets may rely on. */
export const alignment = 64

interface Block {
  readonly address: number
  bytes: number
  free: boolean
  /** Neighbours in address order. */
  before: Block | undefined
  after: Block | undefined
}

/**
 * Hands out ranges of one linear memory. Free ranges are kept in bins by size, four to each power of two, and merge with
 * their neighbours: finding the best fit looks through one bin, everything else takes constant time.
 */
export class Allocator {
  readonly #start: number
  readonly #used = new Map<number, Block>()
  readonly #bins = new Map<number, Set<Block>>()
  #last: Block | undefined
  #end: number
  #bytes = 0

  /** Manages the bytes from `start` up to `end`; `extend` adds more. */
  constructor(start: number, end: number) {
    this.#start = Math.ceil(start / alignment) * alignment
    this.#end = this.#start
    this.extend(end)
  }

  /** The address of a free range of `bytes`, or `undefined` when no range is long enough. */
  alloc(bytes: number): number | undefined {
    const wanted = roundUp(bytes)
    const found = this.#bestFit(wanted)
    if (!found) return undefined
    this.#take(found)
    if (found.bytes > wanted) {
      const rest: Block = {
        address: found.address + wanted,
        bytes: found.bytes - wanted,
        free: true,
        before: found,
        after: found.after,
      }
      if (found.after) found.after.before = rest
      else this.#last = rest
      found.after = rest
      found.bytes = wanted
      this.#put(rest)
    }
    found.free = false
    this.#used.set(found.address, found)
    this.#bytes += wanted
    return found.address
  }

  /** Gives a range back. The address must come from `alloc`. */
  free(address: number): void {
    const block = this.#used.get(address)
    if (!block) throw new RangeError(`no allocation at address ${address}`)
    this.#used.delete(address)
    this.#bytes -= block.bytes
    this.#release(block)
  }

  /** Adds what lies between the old end and `end`. */
  extend(end: number): void {
    const bytes = Math.floor(end / alignment) * alignment - this.#end
    if (bytes <= 0) return
    const block: Block = { address: this.#end, bytes, free: false, before: this.#last, after: undefined }
    if (this.#last) this.#last.after = block
    this.#last = block
    this.#end += bytes
    this.#release(block)
  }

  /** Free bytes at the very end: what growth does not need to add. */
  get tail(): number {
    return this.#last?.free ? this.#last.bytes : 0
  }

  memory(): MemoryUse {
    return { buffers: this.#used.size, bytes: this.#bytes, reserved: this.#end - this.#start }
  }

  #release(block: Block): void {
    let merged = block
    const { before, after } = block
    if (after?.free) {
      this.#take(after)
      this.#absorb(merged, after)
    }
    if (before?.free) {
      this.#take(before)
      this.#absorb(before, merged)
      merged = before
    }
    merged.free = true
    this.#put(merged)
  }

  #absorb(block: Block, next: Block): void {
    block.bytes += next.bytes
    block.after = next.after
    if (next.after) next.after.before = block
    else this.#last = block
  }

  #bestFit(wanted: number): Block | undefined {
    const first = binOf(wanted)
    let best: Block | undefined
    for (const block of this.#bins.get(first) ?? [])
      if (block.bytes >= wanted && (!best || block.bytes < best.bytes)) best = block
    for (let bin = first + 1; !best && bin <= maxBin; bin++)
      for (const block of this.#bins.get(bin) ?? []) if (!best || block.bytes < best.bytes) best = block
    return best
  }

  #put(block: Block): void {
    const bin = binOf(block.bytes)
    const set = this.#bins.get(bin)
    if (set) set.add(block)
    else this.#bins.set(bin, new Set([block]))
  }

  #take(block: Block): void {
    this.#bins.get(binOf(block.bytes))?.delete(block)
  }
}

const roundUp = (bytes: number): number => Math.max(alignment, Math.ceil(bytes / alignment) * alignment)

const binOf = (bytes: number): number => Math.floor(4 * Math.log2(bytes))

const maxBin = 4 * 32
