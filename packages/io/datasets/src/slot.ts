import { claim, type Item, isOpen, type Job, open, takenBy } from './job.js'

/** A place of a batch and what is to come there. */
export type Wanted = Pick<Item, 'path' | 'place'>

/** One batch in preparation: a shared buffer, and what is known of each of its items. */
export class Slot {
  readonly buffer: SharedArrayBuffer
  readonly sharedStates: SharedArrayBuffer
  readonly #number: number
  readonly #states: Int32Array
  #epoch = 0
  #items: Item[] = []
  readonly #pending = new Set<number>()
  /** How often each item got another file. */
  readonly #replaced = new Map<number, number>()
  #tickets = 0
  #settled = Promise.resolve()
  #settle: () => void = () => {}

  constructor(number: number, batchSize: number, bytes: number) {
    this.#number = number
    this.buffer = new SharedArrayBuffer(bytes)
    this.sharedStates = new SharedArrayBuffer(4 * batchSize)
    this.#states = new Int32Array(this.sharedStates)
  }
  /** Resolves when nothing is being written any more: every item is there, or was given up. */
  get settled(): Promise<void> {
    return this.#settled
  }
  fill(epoch: number, wanted: readonly Wanted[]): Job {
    this.#epoch = epoch
    this.#items = wanted.map((item, at) => ({ ...item, at, ticket: 0 }))
    this.#replaced.clear()
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    for (const at of this.#items.keys()) this.#pending.add(at)
    return this.#offer([...this.#items.keys()])
  }
  /** What an outcome is about; undefined when something else has taken its place. */
  find(at: number, ticket: number): Item | undefined {
    const item = this.#items[at]
    return item?.ticket === ticket && this.#pending.has(at) ? item : undefined
  }
  done(at: number): void {
    this.#pending.delete(at)
    if (this.#pending.size === 0) this.#settle()
  }
  /** How often the item has had another file, this time counted in. */
  countReplacement(at: number): number {
    const times = (this.#replaced.get(at) ?? 0) + 1
    this.#replaced.set(at, times)
    return times
  }
  /** Offers an item again, from another file. */
  replace(at: number, path: string): Job {
    this.#items[at] = { ...this.#items[at]!, path }
    return this.#offer([at])
  }
  /** What a thread has taken and not finished. */
  heldBy(thread: number): Item[] {
    return this.#items.filter(({ at }) => this.#pending.has(at) && takenBy(this.#states, at) === thread)
  }
  /** Offers again what a thread had taken, and what nobody has taken: its successor has not heard of that. */
  restart(thread: number): Job {
    const waiting = this.#items.filter(({ at, ticket }) => isOpen(this.#states, at, ticket))
    const held = this.#offer(this.heldBy(thread).map(({ at }) => at))
    return { ...held, items: [...held.items, ...waiting] }
  }
  /** Takes back what no thread has begun. */
  cancel(): void {
    for (const at of [...this.#pending]) if (claim(this.#states, at, this.#items[at]!.ticket, 0)) this.done(at)
  }
  /** Waits for nothing any more, as the threads are gone. */
  abandon(): void {
    for (const at of [...this.#pending]) this.done(at)
  }

  /** A new ticket for each, so that a thread which still reads an older job cannot take them for what they were. */
  #offer(places: readonly number[]): Job {
    const items = places.map((at) => {
      const item = { ...this.#items[at]!, ticket: ++this.#tickets }
      this.#items[at] = item
      open(this.#states, at, item.ticket)
      return item
    })
    return { buffer: this.#number, epoch: this.#epoch, items }
  }
}
