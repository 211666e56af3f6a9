import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countModel } from '@scanline/cost'
import { ReferenceBackend, scope, tensor } from '@scanline/tensor'
import { variants } from '@scanline/vim'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { someNumbers } from '../src/kernels.js'
import { main } from '../src/main.js'
import { buildModel, checkModel } from '../src/models.js'
import { formatStudy, studyChart } from '../src/resolution/report.js'
import { type StudyPlan, studyResolution } from '../src/resolution/study.js'
import { localSession } from '../src/session.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resolution-'))
})
afterEach(() => rm(folder, { recursive: true }))

const plan = (more: Partial<StudyPlan> = {}): StudyPlan => ({
  sizes: [48, 32],
  networks: ['scan', 'attention'],
  device: 'wasm',
  threads: 1,
  minMs: 1,
  ...more,
})

describe('the study of resolutions', () => {
  it('measures every network at every size, and goes on with what a file holds', { timeout: 60_000 }, async () => {
    const file = join(folder, 'study.json')
    const opened: string[] = []
    const environment = {
      newSession: () => {
        const session = localSession()
        return {
          ...session,
          open: (...args: Parameters<typeof session.open>) => {
            const [what] = args
            if (what.kind === 'model') opened.push(`${what.model} ${what.size}`)
            return session.open(...args)
          },
        }
      },
      progress: () => {},
    }
    const first = await studyResolution(plan({ file, sizes: [32], networks: ['scan'] }), environment)
    expect(first.points.map(({ network, size, tokens }) => [network, size, tokens])).toEqual([['scan', 32, 5]])
    const study = await studyResolution(plan({ file }), environment)
    expect(opened).toEqual(['vim_tiny 32', 'vim_tiny_attention 32', 'vim_tiny 48', 'vim_tiny_attention 48'])
    expect(study.points.map(({ network, size }) => [network, size])).toEqual([
      ['scan', 32],
      ['scan', 48],
      ['attention', 32],
      ['attention', 48],
    ])
    expect(study.points[0]).toEqual(first.points[0])
    for (const { network, ms, peakRss, working, scanShare } of study.points) {
      expect(ms).toBeGreaterThan(0)
      expect(peakRss).toBeGreaterThan(working!)
      if (network === 'scan') expect(scanShare).toSatisfy((share: number) => share > 0 && share < 1)
      else expect(scanShare).toBeUndefined()
    }
    expect(JSON.parse(await readFile(file, 'utf8')).points).toEqual(study.points)
    expect(formatStudy(study)).toMatch(/^32 +5 /m)
    expect(formatStudy(study, true)).toMatch(/^\| 32 +\| +5 \|/m)
    expect(JSON.stringify(studyChart(study))).toContain('attention')
  })

  it('says what could not run and measures the rest', async () => {
    const { points } = await studyResolution(plan({ sizes: [8, 32], networks: ['attention'] }), {
      newSession: localSession,
      progress: () => {},
    })
    expect(points.map(({ ms, notRun }) => [ms === undefined, notRun?.includes('smaller than a patch')])).toEqual([
      [true, true],
      [false, undefined],
    ])
  })

  it.each([
    [['resolution', '--sizes', '224,300'], /300 is no multiple of 16/],
    [['resolution', '--networks', 'scam'], /'scam' is invalid.*scan, attention, whole-attention/],
    [['resolution', '--threads', '0'], /whole number from 1/],
  ])('refuses %j', async (args, message) => {
    let err = ''
    const output = { out: () => {}, err: (text: string) => (err += text), progress: () => {}, newSession: localSession }
    expect(await main(args as string[], output)).toBe(2)
    expect(err).toMatch(message)
  })
})

describe('Vim with attention in place of its scans', () => {
  it('gives the same with scores at once and in tiles, and another result than the scan', async () => {
    const device = new ReferenceBackend()
    const input = someNumbers([1, 32, 32, 3], 1)
    const logits = async (model: string) => {
      const built = await buildModel({ model, size: 32 }, device)
      const y = scope(() => built.forward(tensor(input.values, { shape: input.shape, device })))
      return Array.from((await y.data()) as Float32Array)
    }
    const [scan, tiled, whole] = await Promise.all(
      ['vim_tiny', 'vim_tiny_attention', 'vim_tiny_attention_whole'].map((name) => logits(name)),
    )
    const apart = (a: number[], b: number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i])))
    expect(apart(tiled, whole)).toBeLessThan(1e-5)
    expect(apart(tiled, scan)).toBeGreaterThan(1e-3)
  })

  it('is known by name for every variant, and only so', () => {
    for (const variant of Object.keys(variants)) checkModel(`${variant}_attention`)
    expect(() => checkModel('vim_tiny_attentoin')).toThrow(/there is no model/)
    expect(() => checkModel('mambaout_tiny_attention')).toThrow(/there is no model/)
  })

  it('is built for the size of the case, as the scan is', async () => {
    const device = new ReferenceBackend()
    const model = await buildModel({ model: 'vim_tiny', size: 64 }, device)
    expect(model.parameterCount()).toBe(countModel('vim_tiny', { size: [64, 64] }).params)
    model.dispose()
  })
})
