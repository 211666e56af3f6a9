import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  checkClassCount,
  checkSameClasses,
  compareNatural,
  DatasetError,
  decayBatchSize,
  findSplit,
  type IndexOptions,
  indexFolder,
  openImageFolder,
  parseClassMap,
  worthRetrying,
} from '@scanline/datasets'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixture, makeTree, picture, temporaryFolder } from './setup.js'

interface Indexed {
  class_to_index?: Record<string, number>
  lines?: string[]
  samples: [string, number][]
}
type Rules = 'timm' | 'timm_full_path_labels' | 'timm_with_class_map' | 'torchvision'
const golden = fixture<{
  cases: (Record<Rules, Indexed> & { files: string[] })[]
  split_folder_search: { folders: string[]; train: string; validation: string }[]
}>('folders')

const options = (rules: Rules, { lines }: Indexed): IndexOptions => ({
  reader: rules === 'torchvision' ? 'torchvision' : 'timm',
  ...(rules === 'timm_full_path_labels' && { fullPathLabels: true }),
  ...(lines && { classMap: lines }),
})
const rules: Rules[] = ['timm', 'timm_full_path_labels', 'timm_with_class_map', 'torchvision']
const cases = golden.cases.flatMap((c, i) => rules.map((rule) => [i, rule, c.files, c[rule]] as const))

describe('class and sample order equal the published trainers', () => {
  it.each(cases)('tree %i, %s', async (_, rule, files, expected) => {
    const root = makeTree(Object.fromEntries(files.map((path) => [path, ''])))
    const opened = openImageFolder(root, { ...options(rule, expected), emptyClasses: 'allow' })
    if (expected.samples.length === 0) return expect(opened).rejects.toThrow('class map knows none')
    const { classes, samples } = await opened
    expect(samples.map(({ path, label }) => [path, label])).toEqual(expected.samples)
    if (expected.class_to_index) expect(Object.fromEntries(classes.map((c, i) => [c, i]))).toEqual(expected.class_to_index)
  })

  it('splits are found by name and synonym', () => {
    for (const { folders, train, validation } of golden.split_folder_search)
      expect([findSplit(folders, 'train') ?? '.', findSplit(folders, 'validation') ?? '.']).toEqual([train, validation])
  })

  it('a class folder without images is no class for timm and an error for torchvision', async () => {
    const root = makeTree({ 'a/1.png': '', 'b/': '', 'c/readme.txt': '' })
    expect((await openImageFolder(root)).classes).toEqual(['a'])
    await expect(openImageFolder(root, { reader: 'torchvision' })).rejects.toMatchObject({ code: 'empty-class' })
    await expect(openImageFolder(root, { reader: 'torchvision' })).rejects.toThrow('"b", "c"')
    await expect(openImageFolder(root, { emptyClasses: 'error' })).rejects.toThrow('"b"')
  })

  it('the order does not depend on the order of discovery', () => {
    const files = golden.cases[1]!.files
    fc.assert(
      fc.property(fc.shuffledSubarray(files, { minLength: files.length }), (shuffled) => {
        expect(indexFolder({ files: shuffled, folders: [] })).toEqual(indexFolder({ files, folders: [] }))
      }),
    )
  })
})

describe('natural order', () => {
  const { natural_order_input, natural_sorted, batch_size_decay, batch_size_retry } = fixture<{
    natural_order_input: string[]
    natural_sorted: string[]
    batch_size_decay: Record<string, number[]>
    batch_size_retry: Record<string, boolean>
  }>('order')
  it('equals the reference', () => expect([...natural_order_input].sort(compareNatural)).toEqual(natural_sorted))

  it('is an order', () => {
    const text = fc.stringMatching(/^[aB0-9 ./😀]{0,6}$/u)
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b)) + Math.sign(compareNatural(b, a))).toBe(0)
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('batch sizes shrink as the reference', () => {
    for (const [text, expected] of Object.entries(batch_size_decay)) {
      const [, start, steps, odd] = /start=(\d+),num_intra_steps=(\d+),no_odd=(\w+)/.exec(text)!
      const found: number[] = []
      for (let n = Number(start); n > 0; n = decayBatchSize(n, { steps: Number(steps), noOdd: odd === 'True' })) found.push(n)
      expect(found).toEqual(expected)
    }
    for (const [message, retry] of Object.entries(batch_size_retry)) expect(worthRetrying(message)).toBe(retry)
  })
})

describe('what is wrong is said before the first step', () => {
  it.each([
    [{ 'class/': '' }, 'empty', 'holds no image'],
    [{ 'a/x.gif': '' }, 'empty', '.png .jpg .jpeg'],
    [{}, 'empty', 'It is empty'],
  ])('%j', async (files, code, part) => {
    const opened = openImageFolder(makeTree(files as Record<string, string>))
    await expect(opened).rejects.toMatchObject({ name: 'DatasetError', code })
    await expect(opened).rejects.toThrow(part)
  })

  it('a folder that is not there, or may not be read', async () => {
    await expect(openImageFolder(join(temporaryFolder(), 'nothing'))).rejects.toMatchObject({ code: 'unreadable' })
    const root = makeTree({ 'a/1.png': '', 'b/2.png': '' })
    chmodSync(join(root, 'b'), 0)
    // Whoever may read everything reads this too.
    if (process.getuid?.() !== 0) await expect(openImageFolder(root)).rejects.toMatchObject({ code: 'unreadable' })
    chmodSync(join(root, 'b'), 0o755)
  })

  it('links are followed, circles end', async () => {
    const other = makeTree({ 'inside/1.png': '' })
    const root = makeTree({ 'a/2.png': '' })
    symlinkSync(join(other, 'inside'), join(root, 'b'))
    symlinkSync(root, join(root, 'a', 'circle'))
    const { samples } = await openImageFolder(root)
    expect(samples.map((s) => s.path)).toEqual(['a/2.png', 'b/1.png'])
  })

  it('class maps', async () => {
    expect(parseClassMap('b\r\n a \n')).toEqual(['b', 'a'])
    expect(() => parseClassMap('a\n\nb')).toThrow('Line 2')
    expect(() => parseClassMap('a\nb\na\n')).toThrow('"a" more than once')
    const root = makeTree({ 'a/1.png': picture(1), 'b/2.png': picture(2), 'classes.txt': 'z\nb\n' })
    const { samples, emptyClasses } = await openImageFolder(root, { classMap: join(root, 'classes.txt') })
    expect([samples, emptyClasses]).toEqual([[{ path: 'b/2.png', label: 1 }], ['z']])
    await expect(openImageFolder(root, { classMap: join(root, 'no.txt') })).rejects.toMatchObject({ code: 'unreadable' })
  })

  it('classes that do not fit the model or the other split', async () => {
    const train = await openImageFolder(makeTree({ 'a/1.png': '', 'b/1.png': '' }))
    const validation = await openImageFolder(makeTree({ 'a/1.png': '', 'c/1.png': '' }))
    expect(() => checkClassCount(train, 2)).not.toThrow()
    expect(() => checkClassCount(train, 1000)).toThrow(DatasetError)
    expect(() => checkSameClasses(train, validation)).toThrow(/"b" only in .*"c" only in/)
    expect(() => checkSameClasses(train, { ...train, classes: ['b', 'a'] })).toThrow('another order')
    expect(() => checkSameClasses(train, { ...train })).not.toThrow()
  })
})
