import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openImageFolder } from '@scanline/datasets'
import { decodeImage, decodeRaster } from '@scanline/image'
import { CLASSES, contactSheet, type DatasetOptions, DEFAULTS, main, makeDataset, readManifest } from '@scanline/shapes-dataset'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const packageRoot = fileURLToPath(new URL('..', import.meta.url))

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scanline-shapes-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'shapes')
}

const small: DatasetOptions = {
  ...DEFAULTS,
  classification: { train: 40, val: 20, test: 10, size: 32 },
  scenes: { train: 12, val: 3, test: 0, size: 48 },
}
const flags = ['--classification', '40,20,10', '--scenes', '12,3,0', '--size', '32', '--scene-size', '48']
/** On every machine and with every engine. It changes only together with the version of the pictures. */
const HASH = 'e9e9f2ddd9c2df6bdb8e60a35a5c9aeccebac36439a1783729bcde892f57ce0f'

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => path.replaceAll('\\', '/'))
    .sort()

async function shapes(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const status = await main(args, { out: (text) => (out += text), err: (text) => (err += text) })
  return { status, out, err }
}

describe('a data set', () => {
  it('is the same everywhere', async () => {
    const folder = temporaryFolder()
    const manifest = await makeDataset(folder, small, { workers: 0 })
    expect(manifest.hash).toBe(HASH)
    expect(files(folder)).toEqual([...Object.keys(manifest.files), 'dataset.json'].sort())
    expect(readManifest(folder)).toEqual(manifest)
  })

  it('uses no function that engines round differently', () => {
    const source = join(packageRoot, 'src')
    for (const name of readdirSync(source)) {
      const text = readFileSync(join(source, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      expect(text.match(/Math\.(?!floor|ceil|min|max|sqrt|abs|imul)\w+|Date|Math\.random/g) ?? [], name).toEqual([])
    }
  })

  it('differs by seed and by difficulty', async () => {
    const one = {
      ...small,
      classification: { train: 4, val: 0, test: 0, size: 32 },
      scenes: { ...small.scenes, train: 0, val: 0 },
    }
    const hashes = []
    for (const change of [{}, { seed: 1 }, { difficulty: 0.6 }, { classes: 3 }])
      hashes.push((await makeDataset(temporaryFolder(), { ...one, ...change }, { workers: 0 })).hash)
    expect(new Set(hashes).size).toBe(4)
  })

  it('has folders by class, as many pictures in each, and no picture twice', async () => {
    const folder = temporaryFolder()
    const { files: sums } = await makeDataset(folder, small, { workers: 0 })
    for (const [split, each] of [
      ['train', 4],
      ['val', 2],
      ['test', 1],
    ] as const)
      for (const reader of ['timm', 'torchvision'] as const) {
        const { classes, samples } = await openImageFolder(join(folder, 'classification'), {
          split,
          reader,
          classMap: join(folder, 'classification', 'classes.txt'),
        })
        expect(classes).toEqual(CLASSES)
        expect(classes.map((_, label) => samples.filter((s) => s.label === label).length)).toEqual(classes.map(() => each))
      }
    const pictures = Object.keys(sums).filter((path) => path.endsWith('.png'))
    expect(new Set(pictures.map((path) => sums[path])).size).toBe(pictures.length)
    const first = await decodeImage(readFileSync(join(folder, pictures[0] as string)))
    expect([first.width, first.height]).toEqual([32, 32])
  })

  it('has boxes, masks and label maps that agree', async () => {
    interface Coco {
      images: { id: number; file_name: string; width: number; height: number }[]
      categories: { id: number; name: string }[]
      annotations: {
        id: number
        image_id: number
        category_id: number
        bbox: [number, number, number, number]
        area: number
        segmentation: { size: [number, number]; counts: number[] }
      }[]
    }
    const folder = temporaryFolder()
    await makeDataset(folder, small, { workers: 0 })
    const coco = JSON.parse(readFileSync(join(folder, 'scenes/annotations/instances_train.json'), 'utf8')) as Coco
    expect(coco.categories.map(({ name }) => name)).toEqual(CLASSES)
    expect(coco.images).toHaveLength(12)
    expect(new Set(coco.annotations.map(({ id }) => id)).size).toBe(coco.annotations.length)
    for (const { id, file_name, width, height } of coco.images) {
      const labels = await decodeRaster(readFileSync(join(folder, 'scenes/train/labels', file_name)))
      expect([labels.width, labels.height, labels.mode]).toEqual([width, height, 'L'])
      const own = coco.annotations.filter(({ image_id }) => image_id === id)
      expect(own.length).toBeGreaterThan(0)
      const painted = new Uint8Array(width * height)
      for (const { category_id, bbox, area, segmentation } of own) {
        const mask = decodeRuns(segmentation.counts, segmentation.size)
        const inside = [...mask.keys()].filter((i) => mask[i])
        const [xs, ys] = [inside.map((i) => i % width), inside.map((i) => Math.floor(i / width))]
        const [left, top] = [Math.min(...xs), Math.min(...ys)]
        expect(bbox).toEqual([left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1])
        expect(area).toBe(inside.length)
        for (const i of inside) {
          expect(painted[i], 'a pixel has one owner').toBe(0)
          painted[i] = category_id
        }
      }
      expect(painted).toEqual(new Uint8Array(labels.data))
    }
  })

  it('has a page to look at', async () => {
    const page = await decodeImage(contactSheet(small))
    expect(page.width).toBeGreaterThan(1000)
  })
})

/** COCO's run lengths go down the columns. */
function decodeRuns(counts: readonly number[], [height, width]: readonly [number, number]): Uint8Array {
  const mask = new Uint8Array(width * height)
  let at = 0
  for (const [i, run] of counts.entries())
    for (let k = 0; k < run; k++, at++) if (i % 2 === 1) mask[(at % height) * width + Math.floor(at / height)] = 1
  expect(at).toBe(mask.length)
  return mask
}

describe('the command', () => {
  it('says what it made, verifies it, and does nothing twice', async () => {
    const folder = temporaryFolder()
    const made = await shapes(folder, ...flags, '--workers', '0')
    expect(made).toEqual({ status: 0, out: expect.stringContaining(HASH), err: '' })
    const before = statSync(join(folder, 'dataset.json')).mtimeMs
    expect((await shapes(folder, ...flags)).out).toBe(made.out)
    expect(statSync(join(folder, 'dataset.json')).mtimeMs).toBe(before)
    expect((await shapes(folder, '--verify')).status).toBe(0)
    const picture = join(folder, 'classification/train/arrow/000000.png')
    writeFileSync(picture, readFileSync(picture).subarray(1))
    const found = await shapes(folder, '--verify')
    expect([found.status, found.err]).toEqual([1, expect.stringContaining('arrow/000000.png')])
  })

  it.each([
    [[], 'name the folder'],
    [['x', '--difficulty', '2'], '--difficulty'],
    [['x', '--classes', '11'], '--classes'],
    [['x', '--classification', '1,2'], 'train,val,test'],
    [['x', '--classification', '0', '--scenes', '0'], 'nothing to make'],
    [['x', '--size', 'big'], '--size'],
    [['x', '--workers', '-1'], '--workers'],
    [['nothing-here', '--verify'], 'make the data set first'],
    [['x', '--colour'], 'unknown option'],
  ])('%j is refused', async (args, part) => {
    const { status, err } = await shapes(...args)
    expect(status).toBe(2)
    expect(err).toContain(part)
  })

  it('leaves folders alone that hold something else', async () => {
    const folder = temporaryFolder()
    await shapes(folder, ...flags, '--workers', '0')
    expect((await shapes(folder, ...flags, '--seed', '7')).err).toContain('other options')
    const other = dirname(folder)
    expect((await shapes(other, ...flags)).err).toContain('is not empty')
    expect(existsSync(join(other, 'dataset.json'))).toBe(false)
  })
})

describe('threads', () => {
  const cli = join(packageRoot, 'dist', 'cli.js')
  beforeAll(() => {
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
    execFileSync(process.execPath, [tsc, '-p', packageRoot])
  })
  const start = (folder: string, ...more: string[]): ChildProcess => spawn(process.execPath, [cli, folder, ...flags, ...more])
  const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('close', resolve))

  it('make the same files', async () => {
    const folder = temporaryFolder()
    expect(await ended(start(folder, '--workers', '3'))).toBe(0)
    expect(readManifest(folder).hash).toBe(HASH)
  })

  it('a killed run is completed by the next one, which keeps what was done', async () => {
    const folder = temporaryFolder()
    const killed = start(folder, '--workers', '1')
    const record = join(folder, '.parts', '0.json')
    while (!existsSync(record)) await new Promise((resolve) => setTimeout(resolve, 2))
    killed.kill('SIGKILL')
    await ended(killed)
    expect(existsSync(join(folder, 'dataset.json'))).toBe(false)
    const kept = statSync(join(folder, 'classification/train/arrow/000000.png')).mtimeMs
    expect((await shapes(folder, ...flags, '--seed', '3')).err).toContain('unfinished')
    expect((await shapes(folder, ...flags, '--workers', '0')).out).toContain(HASH)
    expect(statSync(join(folder, 'classification/train/arrow/000000.png')).mtimeMs).toBe(kept)
    expect(files(folder).filter((path) => path.includes('.part'))).toEqual([])
  })

  it('Ctrl-C ends with 130 and says how to go on', async () => {
    const folder = temporaryFolder()
    const many = ['--classification', '3000,0,0']
    const child = start(folder, '--workers', '2', ...many)
    let err = ''
    child.stderr?.on('data', (text) => (err += text))
    while (!existsSync(join(folder, '.parts', '0.json'))) await new Promise((resolve) => setTimeout(resolve, 2))
    child.kill('SIGINT')
    expect([await ended(child), err]).toEqual([130, 'stopped; the same command goes on from here\n'])
  })
})
