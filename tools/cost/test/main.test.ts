import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countModel, modelNames } from '../src/count.js'
import { main } from '../src/main.js'
import { sequenceStudy } from '../src/sequence.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cost-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function command(...args: string[]) {
  let [out, err] = ['', '']
  const progress: string[] = []
  const status = await main(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    progress: (text) => progress.push(text),
  })
  return { status, out, err, progress }
}

describe('the command', () => {
  it('counts every model when none is named', async () => {
    const { status, out, progress } = await command()
    expect(status).toBe(0)
    for (const model of modelNames()) expect(out).toMatch(new RegExp(`^${model} `, 'm'))
    expect(out).toMatch(/^mambaout_femto +224 +7,304,536 +1\.156 +1\.16 +1\.148 /m)
    expect(progress.at(-1)).toBe('')
  })

  it('takes patterns, sizes, forms and batches, and prints JSON', async () => {
    const { out } = await command(
      'mamba_vision_?',
      'vim_tiny',
      '--size',
      '64,96x128',
      '--batch',
      '2',
      '--form',
      'detection',
      '--json',
    )
    const costs = JSON.parse(out)
    expect(costs.map((c: { model: string; size: number[] }) => [c.model, ...c.size])).toEqual(
      ['mamba_vision_T', 'mamba_vision_S', 'mamba_vision_B', 'mamba_vision_L', 'vim_tiny'].flatMap((model) => [
        [model, 64, 64],
        [model, 96, 128],
      ]),
    )
    expect(costs.at(-1)).toEqual(countModel('vim_tiny', { form: 'detection', size: [96, 128], batch: 2 }))
  })

  it('breaks models down', async () => {
    const { out } = await command('test_mambaout', '--by', 'stage', '--markdown')
    expect(out).toContain('test_mambaout at 160\n\n| stage')
    expect(out).toMatch(/^\| stages\.2 +\|/m)
    expect((await command('test_mambaout', '--by', 'op')).out).toMatch(/^depthwiseConv2d /m)
    expect((await command('test_mambaout', '--by', 'module')).out).toMatch(/^stages\.2\.blocks\.1\.fc1 /m)
  })

  it.each([
    [['test_mambaout']],
    [['test_mambaout', 'vim_tiny']],
    [['test_mambaout', 'vim_tiny', '--size', '64,128']],
    [['sequence', 'vim_tiny', 'efficientvim_m1']],
  ])('draws a chart of %j', async (args) => {
    const [svg, png] = ['svg', 'png'].map((ending) => join(folder, `chart.${ending}`))
    const { status } = await command(...args, '--chart', `${svg},${png}`)
    expect(status).toBe(0)
    const text = await readFile(svg, 'utf8')
    expect(text).toMatch(/^<svg /)
    // Names are written out, and nothing could not be placed.
    expect(text).toMatch(/test_mambaout|vim_tiny/)
    expect(text).not.toMatch(/NaN|undefined/)
    const bytes = await readFile(png)
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect(bytes.readUInt32BE(16)).toBeGreaterThan(600)
  })

  it('prints the FLOPs of a transformer block', async () => {
    expect((await command('block', '384', '196')).out).toMatch(/^total +0\.752640$/m)
    expect(JSON.parse((await command('block', '384', '2304', '--json')).out)).toMatchObject({ ratio: 1, total: 16_307_453_952 })
  })

  it.each([
    [['mambaout_femtoo'], /no model "mambaout_femtoo"; did you mean mambaout_femto/],
    [['mambaout_femto', '--size', '224x'], /'224x' is invalid.*whole number/],
    [['mambaout_femto', '--size', '1x2x3'], /'1x2x3' is invalid.*height x width/],
    [['mambaout_femto', '--form', 'depth'], /'depth' is invalid.*classifier, detection, segmentation/],
    [['mambaout_femto', '--batch', '0'], /'0' is invalid/],
    [['mambaout_femto', '--chart', 'chart.pdf'], /written as \.svg or \.png.*"chart\.pdf"/],
    [['vim_tiny', '--size', '8'], /smaller than a patch/],
    [['block', '0', '5'], /'0' is invalid/],
  ])('refuses %j', async (args, message) => {
    const { status, out, err } = await command(...args)
    expect(err).toMatch(message)
    expect(out).toBe('')
    expect(status).toBe(2)
  })

  it('explains itself', async () => {
    const { status, out } = await command('--help')
    expect(status).toBe(0)
    for (const name of ['count', 'sequence', 'block']) expect(out).toContain(name)
  })
})

describe('long sequences', () => {
  it('are those of more than 6 D tokens: the answers of the specification', () => {
    const [small, base] = sequenceStudy(['vim_small', 'vim_base']).groups.map(({ tasks }) => tasks)
    // 196 tokens and the class token; 4000; 4096: long for the width 384, not for 768.
    const read = (tasks: typeof small) => Object.values(tasks).map(([{ tokens, threshold, long }]) => [tokens, threshold, long])
    expect(read(small)).toEqual([
      [197, 2304, false],
      [4000, 2304, true],
      [4096, 2304, true],
    ])
    expect(read(base)).toEqual([
      [197, 4608, false],
      [4000, 4608, false],
      [4096, 4608, false],
    ])
  })

  it('stand beside what windows let attention see', () => {
    const [{ tasks, models }] = sequenceStudy(['mamba_vision_S', 'mamba_vision_S']).groups
    expect(models).toHaveLength(2)
    expect(tasks.classification.map(({ stride, tokens, mixed }) => [stride, tokens, mixed])).toEqual([
      [4, 3136, undefined],
      [8, 784, undefined],
      [16, 196, undefined],
      [32, 49, undefined],
    ])
    expect(tasks.segmentation.map(({ tokens, mixed }) => [tokens, mixed])).toEqual([
      [65_536, undefined],
      [16_384, undefined],
      [4096, 160 ** 2],
      [1024, 56 ** 2],
    ])
  })

  it('leave out what takes no such images, and say so', async () => {
    const { status, out, err } = await command('sequence', 'vim_tiny', 'vim_tiny_rope')
    expect(status).toBe(0)
    expect(out).toContain('vim_tiny ')
    expect(out).not.toContain('rope')
    expect(err).toMatch(/^vim_tiny_rope is left out: rotary tables need square images/)
  })

  it('are in the docs as the command gives them', async () => {
    const { out } = await command('sequence', '--markdown')
    expect(await readFile(new URL('../../../docs/cost.md', import.meta.url), 'utf8')).toContain(out)
  })
})
