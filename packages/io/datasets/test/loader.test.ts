import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Batch, DamagedImage, Loader, LoaderOptions } from '@scanline/datasets'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { makeTree, pictures } from './setup.js'

/** Threads run what is published, so that is what is tested; it is compiled here in case it is older than the source. */
const packageRoot = fileURLToPath(new URL('..', import.meta.url))
let built: typeof import('@scanline/datasets')
beforeAll(async () => {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', packageRoot])
  built = await import(/* @vite-ignore */ join(packageRoot, 'dist', 'index.node.js'))
})

const train = {
  train: { inputSize: [3, 12, 12], autoAugment: 'rand-m9-mstd0.5-inc1', interpolation: 'random', erasing: {} },
} as const
const evaluation = { eval: { pipeline: 'timm-0.6', inputSize: [3, 12, 12], cropPct: 1 } } as const

async function open(files: Record<string, Uint8Array | string>, options: Partial<LoaderOptions> = {}) {
  const root = makeTree(files)
  const folder = await built.openImageFolder(root)
  const create = (more: Partial<LoaderOptions> = {}): Loader => {
    const loader = built.createLoader(folder, { transform: train, batchSize: 4, workers: 2, ...options, ...more })
    onTestFinished(() => loader.close())
    return loader
  }
  return { root, folder, create, loader: create() }
}

const sha = (data: Float32Array | Uint8Array | Int32Array | Uint32Array) =>
  createHash('sha256')
    .update(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')

/** All that an epoch gives, in a form that can be compared. */
async function digest(loader: Loader, epoch: number, options: { from?: number } = {}): Promise<string[]> {
  const found: string[] = []
  for await (const { index, shape, images, labels, samples, places } of loader.epoch(epoch, options))
    found.push(`${index} ${shape} ${sha(images)} ${labels} ${samples} ${places}`)
  return found
}

async function batches(loader: Loader, epoch = 0): Promise<Pick<Batch, 'labels' | 'samples'>[]> {
  const found = []
  for await (const { labels, samples } of loader.epoch(epoch)) found.push({ labels, samples })
  return found
}

describe('an epoch', () => {
  it('is the same for any number of threads, ahead or not, and again', async () => {
    const { create, loader } = await open(pictures(3, 9))
    const expected = await digest(loader, 1)
    expect(expected).toHaveLength(6)
    for (const options of [{ workers: 0 }, { workers: 1 }, { workers: 3, prefetch: 1 }, { workers: 2, prefetch: 5 }])
      expect(await digest(create(options), 1), JSON.stringify(options)).toEqual(expected)
    expect(await digest(loader, 1)).toEqual(expected)
    expect(await digest(loader, 2)).not.toEqual(expected)
    expect(await digest(create({ seed: 43 }), 1)).not.toEqual(expected)
    expect(await digest(loader, 1, { from: 4 })).toEqual(expected.slice(4))
  })

  it('visits every image once, with its label; evaluation keeps the last batch and the order', async () => {
    const { folder, create } = await open(pictures(3, 5))
    const seen = await batches(create({ transform: evaluation }))
    expect(seen.flatMap(({ samples }) => [...samples])).toEqual(folder.samples.map((_, i) => i))
    expect(seen.flatMap(({ labels }) => [...labels])).toEqual(folder.samples.map(({ label }) => label))
    expect(seen.at(-1)?.samples).toHaveLength(3)
    const trained = await batches(create({ dropLast: false }))
    expect(trained.flatMap(({ samples }) => [...samples]).sort((a, b) => a - b)).toEqual(folder.samples.map((_, i) => i))
  })

  it('bytes finished later equal values finished at once', async () => {
    const { create } = await open(pictures(2, 6))
    const whole: string[] = []
    for await (const { images } of create().epoch(3)) whole.push(sha(images))
    const later: string[] = []
    const finish = built.finisher(train.train, 42)
    for await (const { images, places, epoch, shape } of create({ dtype: 'u8' }).epoch(3)) {
      expect([images.constructor, shape]).toEqual([Uint8Array, [4, 12, 12, 3]])
      const values = new Float32Array(images.length)
      finish(images as Uint8Array, epoch, places, values)
      later.push(sha(values))
    }
    expect(later).toEqual(whole)
  })

  it('copies of repeated augmentation differ', async () => {
    const { create } = await open(pictures(2, 4))
    const seen = new Map<number, Set<string>>()
    const loader = create({ sampler: { repeats: 3, round: 0 }, transform: { train: { inputSize: [3, 12, 12] } } })
    for await (const { images, samples } of loader.epoch(0))
      for (const [i, sample] of samples.entries())
        seen.set(sample, (seen.get(sample) ?? new Set()).add(sha(images.subarray(i * 432, (i + 1) * 432))))
    expect(Math.max(...[...seen.values()].map((s) => s.size))).toBe(3)
  })

  it('ranks get different halves of the same epoch', async () => {
    const { create, loader } = await open(pictures(2, 8))
    const halves = await Promise.all([0, 1].map((rank) => batches(create({ world: 2, rank }))))
    const all = (await batches(loader)).flatMap(({ samples }) => [...samples])
    const joined = halves[0]!.flatMap(({ samples }, b) => [...samples].flatMap((s, i) => [s, halves[1]![b]!.samples[i]!]))
    expect(joined).toEqual(all)
  })

  it('goes on while the calling thread computes', async () => {
    const { root, loader } = await open(pictures(2, 16), { prefetch: 2 })
    const epoch = loader.epoch(0)
    await epoch.next()
    // The calling thread is busy and hears nothing. What is there afterwards was prepared without it.
    const end = performance.now() + 1000
    while (performance.now() < end);
    rmSync(root, { recursive: true })
    expect([(await epoch.next()).value?.index, (await epoch.next()).value?.index]).toEqual([1, 2])
    await expect(epoch.next()).rejects.toMatchObject({ code: 'damaged' })
  })

  it('prepares no further ahead than it may', async () => {
    const { create } = await open(pictures(2, 32))
    const post = vi.spyOn(Worker.prototype, 'postMessage')
    onTestFinished(() => post.mockRestore())
    const epoch = create({ workers: 1, prefetch: 2 }).epoch(0)
    await epoch.next()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(post).toHaveBeenCalledTimes(3)
    await epoch.next()
    expect(post).toHaveBeenCalledTimes(4)
    await epoch.return()
  })
})

describe('damaged images', () => {
  const damage = (root: string, path: string) => truncateSync(join(root, path), 60)

  it('stop the run, naming the file', async () => {
    const { root, loader } = await open(pictures(2, 8))
    damage(root, 'a/6.png')
    const failed = digest(loader, 0)
    await expect(failed).rejects.toMatchObject({ name: 'DatasetError', code: 'damaged' })
    await expect(failed).rejects.toThrow(join('a', '6.png'))
  })

  it.each([0, 1, 3])('are told and replaced by the next one, with %i threads', async (workers) => {
    const { root, folder, create } = await open(pictures(2, 8))
    damage(root, 'a/6.png')
    writeFileSync(join(root, 'a/8.png'), 'no image at all')
    rmSync(join(root, 'b/1.png'))
    const told: DamagedImage[] = []
    const loader = create({ workers, damaged: (image) => told.push(image), transform: evaluation })
    const seen = (await batches(loader)).flatMap(({ samples }) => [...samples])
    const paths = seen.map((sample) => folder.samples[sample]!.path)
    expect(paths.slice(3, 6)).toEqual(['a/10.png', 'a/10.png', 'a/10.png'])
    expect(paths[8]).toBe('b/3.png')
    expect(told.map(({ path }) => path).sort()).toEqual(['a/6.png', 'a/8.png', 'b/1.png'].map((p) => join(root, p)))
    await batches(loader, 1)
    expect(told, JSON.stringify(told)).toHaveLength(3)
  })

  it('a truncated JPEG is one', async () => {
    const { readFileSync } = await import('node:fs')
    const jpeg = readFileSync(new URL('../../image/test/fixtures/files/jpeg_truncated.jpg', import.meta.url))
    const { create } = await open({ ...pictures(1, 7), 'a/8.jpg': jpeg })
    const told: string[] = []
    await digest(create({ damaged: ({ path }) => told.push(path) }), 0)
    expect(told).toHaveLength(1)
    await expect(digest(create(), 0)).rejects.toThrow('8.jpg')
  })

  it('too many in a row end the run, and the caller may end it', async () => {
    const nothing = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`a/${i}.png`, 'no image']))
    const { create } = await open(nothing)
    await expect(digest(create({ damaged: () => {} }), 0)).rejects.toThrow('50 images in a row')
    const cause = new Error('enough')
    const refuse = () => {
      throw cause
    }
    await expect(digest(create({ damaged: refuse }), 0)).rejects.toMatchObject({ code: 'damaged', cause })
  })

  it('a failed epoch leaves the loader usable', async () => {
    const { root, loader, create } = await open(pictures(2, 8))
    const expected = await digest(create(), 5)
    const good = (await import('node:fs')).readFileSync(join(root, 'a/6.png'))
    damage(root, 'a/6.png')
    await expect(digest(loader, 5)).rejects.toThrow()
    writeFileSync(join(root, 'a/6.png'), good)
    expect(await digest(loader, 5)).toEqual(expected)
  })
})

describe('threads', () => {
  /** Every worker that gets a message, so that a test can end it from outside. */
  function caught(): Set<Worker> {
    const workers = new Set<Worker>()
    const post = Worker.prototype.postMessage
    const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...args) {
      workers.add(this)
      return post.apply(this, args as Parameters<typeof post>)
    })
    onTestFinished(() => spy.mockRestore())
    return workers
  }

  it.each([1, 2])('one of %i that is killed is replaced, and nothing changes', async (workers) => {
    const { create } = await open(pictures(2, 40))
    const expected = await digest(create(), 0)
    const running = caught()
    const loader = create({ workers })
    const found: string[] = []
    for await (const { index, shape, images, labels, samples, places } of loader.epoch(0)) {
      found.push(`${index} ${shape} ${sha(images)} ${labels} ${samples} ${places}`)
      if (index === 2 || index === 9) await [...running].at(-1)!.terminate()
    }
    expect(found).toEqual(expected)
    expect(running.size).toBe(workers + 2)
  })

  it('that keep ending end the run', async () => {
    const { create } = await open(pictures(2, 40))
    const running = caught()
    const loader = create({ workers: 1 })
    const epoch = loader.epoch(0)
    const all = (async () => {
      for await (const _ of epoch);
    })()
    const killing = setInterval(() => {
      for (const worker of running) if (running.delete(worker)) void worker.terminate()
    }, 1)
    await expect(all.finally(() => clearInterval(killing))).rejects.toMatchObject({ code: 'worker' })
  })

  it('end with the loader, also in the middle', async () => {
    const { create, loader } = await open(pictures(2, 20))
    const failing = (async () => {
      for await (const { index } of loader.epoch(0)) if (index === 1) void loader.close()
    })()
    await expect(failing).rejects.toMatchObject({ code: 'closed' })
    await expect(digest(loader, 0)).rejects.toMatchObject({ code: 'closed' })
    const other = create()
    const before = await digest(other, 0)
    for await (const _ of other.epoch(1)) break
    expect(await digest(other, 0)).toEqual(before)
  })

  it('do not keep a process alive that forgot them', async () => {
    const { root } = await open(pictures(2, 8))
    const script = `
      import { createLoader, openImageFolder } from ${JSON.stringify(join(packageRoot, 'dist', 'index.node.js'))}
      const folder = await openImageFolder(${JSON.stringify(root)})
      const loader = createLoader(folder, { transform: ${JSON.stringify(train)}, batchSize: 4, workers: 2 })
      for await (const { index } of loader.epoch(0)) console.log(index)`
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 })
    expect(out).toBe('0\n1\n2\n3\n')
  })
})

it('what cannot be asked for is refused', async () => {
  const { create, loader } = await open(pictures(2, 4))
  expect(() => create({ batchSize: 0 })).toThrow('batchSize')
  expect(() => create({ batchSize: 9 })).toThrow('do not fill a batch of 9')
  expect(() => create({ workers: -1 })).toThrow('workers')
  expect(() => create({ transform: { train: { inputSize: [3, 0, 0] } } })).toThrow('input size')
  expect(() => create({ sampler: { repeats: 3 } })).toThrow('do not fill a batch')
  await expect(digest(loader, -1)).rejects.toThrow('epoch')
  await expect(digest(loader, 0, { from: 3 })).rejects.toThrow('2 batches')
  const first = loader.epoch(0)
  await first.next()
  await expect(digest(loader, 1)).rejects.toThrow('running already')
  await first.return()
})
