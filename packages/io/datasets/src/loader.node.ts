import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { DecodeOptions } from '@scanline/image'
import { DatasetError } from './errors.js'
import type { Item, Job, Outcome, Start } from './job.js'
import type { ImageFolder } from './open-folder.node.js'
import { epochOrder, type Order, orderLength, type Rank, type Sampler } from './samplers.js'
import { Slot } from './slot.js'
import { serveHere, startThread, type Thread } from './threads.node.js'
import { type BatchType, shapeOf, type TransformConfig } from './transform.js'

/** A file that could not be read or decoded. */
export interface DamagedImage {
  readonly path: string
  /** Its position in the data set. */
  readonly sample: number
  /** What is wrong with it. */
  readonly message: string
}

export interface LoaderOptions extends Rank {
  readonly transform: TransformConfig
  readonly batchSize: number
  /** Default `f32`. */
  readonly dtype?: BatchType
  /** Threads that prepare images; 0 prepares them on the calling thread. Default: one less than there are cores, 1 to 4. */
  readonly workers?: number
  /** Of order and augmentation. Default 42. */
  readonly seed?: number
  /** Default `shuffled` for a training transform, else `sequential`. */
  readonly sampler?: Sampler
  /** Leaves out a last batch that is not full. Default: for a training transform. */
  readonly dropLast?: boolean
  /** Batches prepared ahead of the one in use. Each takes its memory from the start. Default 2. */
  readonly prefetch?: number
  /**
   * `stop` ends the run with the first damaged image (default). A function is told of each, once, and the next image of
   * the data set takes its place, as in timm; fifty in a row end the run.
   */
  readonly damaged?: 'stop' | ((image: DamagedImage) => void)
  readonly decode?: Omit<DecodeOptions, 'window'>
}

/** Images, ready to be used. */
export interface Batch {
  readonly epoch: number
  /** In the epoch, from 0. */
  readonly index: number
  /** `[images, height, width, 3]`; for a transform with the layout `nchw`, `[images, 3, height, width]` in `f32`. */
  readonly shape: readonly [number, number, number, number]
  /** Shared memory that the next batch overwrites: copy what is to stay. */
  readonly images: Float32Array | Uint8Array
  readonly labels: Int32Array
  /** Positions in the data set. */
  readonly samples: Uint32Array
  /** Positions in the order of the epoch over all ranks. */
  readonly places: Uint32Array
  /** How long the caller waited for it, in milliseconds. */
  readonly waitedMs: number
}

export interface Loader {
  readonly batchesPerEpoch: number
  /**
   * The batches of an epoch in order: the same for the same seed, whatever the number of workers. `from` begins with a
   * later one. One epoch at a time; leaving the loop early ends it.
   *
   * @throws DatasetError `damaged`, `worker`, `closed`, `argument`
   */
  epoch(epoch: number, options?: { readonly from?: number }): AsyncGenerator<Batch, void, undefined>
  /** Ends the threads. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Consecutive damaged images that end the run, as in timm. */
const MOST_DAMAGED = 50
/** Threads that may end in a row without having prepared anything. */
const MOST_DEATHS = 3

/**
 * Prepares the images of a folder in threads, batch by batch, ahead of their use and no further than `prefetch`. Batches
 * lie in shared memory and are not copied. While the calling thread computes, the others go on without it.
 *
 * @throws DatasetError `argument`, or `empty` when the images do not fill one batch; ImageError for a transform that
 * cannot be served.
 * @example
 * await using loader = createLoader(folder, { transform: { train: { inputSize: [3, 224, 224] } }, batchSize: 64, workers: 2 })
 * for await (const { images, labels, shape } of loader.epoch(0)) await step(images, labels, shape)
 */
export function createLoader(folder: ImageFolder, options: LoaderOptions): Loader {
  return new FolderLoader(folder, options)
}

class FolderLoader implements Loader {
  readonly batchesPerEpoch: number
  readonly #folder: ImageFolder
  readonly #options: LoaderOptions
  readonly #sampler: Sampler
  readonly #seed: number
  readonly #imageShape: readonly [number, number, number]
  readonly #slots: Slot[]
  readonly #threads = new Map<number, Thread>()
  readonly #told = new Set<number>()
  #samples: Uint32Array[] = []
  #failure: Error | undefined
  #started = 0
  /** Threads that ended since one of them last prepared an image. */
  #deaths = 0
  #lastDeath = ''
  /** How often each file was in work when a thread ended. */
  readonly #suspects = new Map<string, number>()
  #active = false
  #closed = false

  constructor(folder: ImageFolder, options: LoaderOptions) {
    const { batchSize, transform, prefetch = 2, workers = Math.min(4, Math.max(1, availableParallelism() - 1)) } = options
    const training = 'train' in transform
    wholeFrom('batchSize', batchSize, 1)
    wholeFrom('prefetch', prefetch, 1)
    wholeFrom('workers', workers, 0)
    wholeFrom('seed', options.seed ?? 42, 0)
    this.#folder = folder
    this.#options = options
    this.#sampler = options.sampler ?? (training ? 'shuffled' : 'sequential')
    this.#seed = options.seed ?? 42
    const shape = shapeOf(transform)
    this.#imageShape = options.dtype === 'u8' && shape[0] === 3 ? [shape[1], shape[2], 3] : shape
    const images = orderLength(folder.samples.length, this.#sampler, options)
    this.batchesPerEpoch = (options.dropLast ?? training) ? Math.floor(images / batchSize) : Math.ceil(images / batchSize)
    if (this.batchesPerEpoch === 0)
      throw new DatasetError(
        'empty',
        `The ${folder.samples.length} images of ${JSON.stringify(folder.root)} give ${images} an epoch, which do not fill a batch of ${batchSize}. Take smaller batches, or more images.`,
      )
    const bytes = batchSize * this.#size * (options.dtype === 'u8' ? 1 : 4)
    this.#slots = Array.from({ length: prefetch + 1 }, (_, i) => new Slot(i, batchSize, bytes))
    for (let i = 0; i < Math.max(1, workers); i++) this.#start()
  }

  async *epoch(epoch: number, { from = 0 } = {}): AsyncGenerator<Batch, void, undefined> {
    this.#mayBegin(epoch, from)
    this.#active = true
    const { length } = this.#folder.samples
    const order = epochOrder(length, this.#sampler, this.#seed, epoch, this.#options)
    this.#failure = undefined
    for (const thread of this.#threads.values()) thread.keepAlive(true)
    try {
      const ahead = this.#slots.length
      for (let b = from; b < Math.min(from + ahead, this.batchesPerEpoch); b++) this.#submit(epoch, b, order)
      for (let b = from; b < this.batchesPerEpoch; b++) {
        const asked = performance.now()
        await this.#slotOf(b).settled
        if (this.#failure) throw this.#failure
        yield this.#batch(epoch, b, order, performance.now() - asked)
        if (this.#failure) throw this.#failure
        if (b + ahead < this.batchesPerEpoch) this.#submit(epoch, b + ahead, order)
      }
    } finally {
      for (const slot of this.#slots) slot.cancel()
      await Promise.all(this.#slots.map((slot) => slot.settled))
      for (const thread of this.#threads.values()) thread.keepAlive(false)
      this.#active = false
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#fail(new DatasetError('closed', 'The loader was closed while an epoch was running.'))
    const threads = [...this.#threads.values()]
    this.#threads.clear()
    await Promise.all(threads.map((thread) => thread.close()))
    for (const slot of this.#slots) slot.abandon()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The first error counts. What has been begun still ends. */
  #fail(error: DatasetError): void {
    this.#failure ??= error
    for (const slot of this.#slots) slot.cancel()
  }
  get #size(): number {
    return this.#imageShape.reduce((n, d) => n * d, 1)
  }
  #slotOf(batch: number): Slot {
    return this.#slots[batch % this.#slots.length]!
  }

  #mayBegin(epoch: number, from: number): void {
    wholeFrom('epoch', epoch, 0)
    wholeFrom('from', from, 0)
    if (this.#closed) throw new DatasetError('closed', 'The loader is closed. Create another one.')
    if (this.#active)
      throw new DatasetError('argument', 'An epoch is running already. Finish or leave its loop, or create a second loader.')
    if (this.#threads.size === 0) throw new DatasetError('worker', `All threads have ended: ${this.#lastDeath}`)
    if (from > this.batchesPerEpoch)
      throw new DatasetError('argument', `An epoch has ${this.batchesPerEpoch} batches; it cannot begin with number ${from}.`)
  }

  #submit(epoch: number, batch: number, order: Order): void {
    const { batchSize } = this.#options
    const first = batch * batchSize
    const indices = order.indices.slice(first, first + batchSize)
    this.#samples[batch % this.#slots.length] = indices
    const wanted = Array.from(indices, (sample, at) => ({ path: this.#pathOf(sample), place: order.places[first + at]! }))
    this.#offer(this.#slotOf(batch).fill(epoch, wanted))
  }

  #batch(epoch: number, index: number, order: Order, waitedMs: number): Batch {
    const { batchSize, dtype } = this.#options
    const samples = this.#samples[index % this.#slots.length]!
    const { buffer } = this.#slotOf(index)
    const count = samples.length * this.#size
    return {
      epoch,
      index,
      shape: [samples.length, ...this.#imageShape],
      images: dtype === 'u8' ? new Uint8Array(buffer, 0, count) : new Float32Array(buffer, 0, count),
      labels: Int32Array.from(samples, (sample) => this.#folder.samples[sample]!.label),
      samples,
      places: order.places.slice(index * batchSize, index * batchSize + samples.length),
      waitedMs,
    }
  }

  #pathOf(sample: number): string {
    return join(this.#folder.root, this.#folder.samples[sample]!.path)
  }
  #offer(job: Job): void {
    for (const thread of this.#threads.values()) thread.post(job)
  }

  #start(): void {
    const { transform, dtype = 'f32', decode = {}, workers } = this.#options
    const start: Start = {
      thread: ++this.#started,
      prepare: { transform, dtype, seed: this.#seed, decode },
      size: this.#size,
      buffers: this.#slots.map(({ buffer }) => buffer),
      states: this.#slots.map(({ sharedStates }) => sharedStates),
    }
    const events = {
      outcome: (outcome: Outcome) => this.#receive(outcome),
      died: (reason: string) => this.#replaceThread(start.thread, reason),
    }
    const thread = workers === 0 ? serveHere(start, events) : startThread(start, events)
    thread.keepAlive(this.#active)
    this.#threads.set(start.thread, thread)
  }

  #receive({ buffer, at, ticket, result, message = '' }: Outcome): void {
    const slot = this.#slots[buffer]!
    const item = slot.find(at, ticket)
    if (!item) return
    if (result === 'done') this.#deaths = 0
    else if (result === 'failed') this.#fail(new DatasetError('worker', `${item.path} could not be prepared: ${message}`))
    else if (!this.#failure && this.#replaceImage(buffer, item, message)) return
    slot.done(at)
  }

  /** Whether another image is on its way. */
  #replaceImage(buffer: number, { at, path }: Item, message: string): boolean {
    const slot = this.#slots[buffer]!
    const samples = this.#samples[buffer]!
    const { damaged = 'stop' } = this.#options
    const sample = samples[at]!
    if (damaged === 'stop') {
      this.#fail(new DatasetError('damaged', `${path}: ${message}`))
      return false
    }
    if (!this.#tell(damaged, { path, sample, message })) return false
    if (slot.countReplacement(at) > MOST_DAMAGED) {
      this.#fail(new DatasetError('damaged', `${MOST_DAMAGED} images in a row are damaged, the last one ${path}: ${message}`))
      return false
    }
    samples[at] = (sample + 1) % this.#folder.samples.length
    this.#offer(slot.replace(at, this.#pathOf(samples[at]!)))
    return true
  }

  /** Whether the caller took the news well. */
  #tell(damaged: (image: DamagedImage) => void, image: DamagedImage): boolean {
    if (this.#told.has(image.sample)) return true
    this.#told.add(image.sample)
    try {
      damaged(image)
      return true
    } catch (cause) {
      this.#fail(new DatasetError('damaged', `${image.path}: ${image.message}`, { cause }))
      return false
    }
  }

  /** Another thread does again what the one that ended had begun. */
  #replaceThread(id: number, reason: string): void {
    this.#threads.delete(id)
    if (this.#closed) return
    this.#lastDeath = reason
    const fatal = this.#slots.flatMap((slot) => slot.heldBy(id)).find(({ path }) => this.#suspect(path) > 1)
    if (fatal)
      this.#fail(new DatasetError('worker', `A thread ended for the second time while preparing ${fatal.path}: ${reason}`))
    const hopeless = ++this.#deaths > MOST_DEATHS
    if (hopeless) this.#fail(new DatasetError('worker', `Threads keep ending: ${reason}`))
    else this.#start()
    for (const slot of this.#slots) {
      if (this.#failure) for (const { at } of slot.heldBy(id)) slot.done(at)
      else this.#offer(slot.restart(id))
    }
  }

  #suspect(path: string): number {
    const times = (this.#suspects.get(path) ?? 0) + 1
    this.#suspects.set(path, times)
    return times
  }
}

function wholeFrom(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new DatasetError('argument', `${name} is a whole number from ${least} on, not ${value}.`)
}
