import { contiguousStrides } from '@scanline/tensor'
import { describe, expect, it } from 'vitest'
import { stepCost } from '../src/cost.js'
import { openDevice } from '../src/devices.js'
import type { Limits } from '../src/limits/measure.js'
import { peers } from '../src/peers/index.js'
import { profileModel } from '../src/profile.js'
import { difference, type Environment, type Plan, run } from '../src/run.js'
import { localSession } from '../src/session.js'
import { openModel } from '../src/subjects/model.js'
import { formatReport } from '../src/table.js'
import { WatchedBackend } from '../src/watched-backend.js'

const tiny = { kind: 'model', model: 'test_mambaout', size: 32, batch: 2 } as const
const gelu = { kind: 'kernel', shape: { op: 'gelu', rows: 8, columns: 16 } } as const
const plan: Plan = {
  groups: [[tiny], [gelu]],
  devices: ['wasm'],
  threads: [1],
  peers: [],
  runs: 5,
  minMs: 0,
  warmUpMs: 0,
  profile: false,
  command: ['--model', 'test_mambaout'],
}
const limits = async (threads: number): Promise<Limits> => ({ threads, gflops: 50 * threads, fused: true, gbytes: 20 })
const environment: Environment = { newSession: localSession, progress: () => {}, measureLimits: limits }

describe('a run', () => {
  it('reports every case with times, cost, shares and memory, and as JSON the same', async () => {
    const report = await run(plan, environment)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(report).toMatchObject({ schema: 1, interrupted: false, command: plan.command })
    expect(Number.isNaN(Date.parse(report.date))).toBe(false)
    expect(report.machine).toMatchObject({ node: process.versions.node, v8: process.versions.v8 })
    expect(report.limits).toEqual([{ threads: 1, before: await limits(1), after: await limits(1) }])
    const [model, kernel] = report.results
    expect(model).toMatchObject({
      name: 'test_mambaout 32 batch 2',
      what: tiny,
      runner: { name: 'scanline', device: 'wasm', threads: 1 },
    })
    const { time, facts, memory } = model
    expect(time?.runs).toBe(5)
    expect(model.othersBusy).toBeGreaterThanOrEqual(0)
    expect(model.imagesPerSecond).toBeCloseTo(2000 / time!.median)
    expect(model.gflops).toBeCloseTo(facts!.multiplyAdds! / time!.median / 1e6)
    expect(model.ceilingShare).toBeCloseTo(model.gflops! / 50)
    expect(model.bandwidthShare).toBeCloseTo(facts!.bytes! / time!.median / 1e6 / 20)
    expect(facts!.firstResultMs).toBeGreaterThan(facts!.compileMs)
    expect(facts!.flops).toBeGreaterThan(facts!.multiplyAdds!)
    expect(memory!.peakRss).toBeGreaterThan(memory!.reserved!)
    expect(memory!.constants).toBeGreaterThan(0)
    expect(kernel.what).toEqual(gelu)
    // Nothing in it multiplies and adds.
    expect(kernel.ceilingShare).toBeUndefined()
    expect(kernel.gbytes).toBeGreaterThan(0)
    const text = formatReport(report)
    for (const { name } of report.results) expect(text).toContain(name)
  })

  it('runs a peer beside it and compares results', async () => {
    const { results, warnings } = await run({ ...plan, groups: [[tiny]], threads: [1, 2], peers }, environment)
    expect(results.map(({ runner }) => [runner.name, runner.threads])).toEqual([
      ['scanline', 1],
      ['onnxruntime-node', 1],
      ['onnxruntime-web', 1],
      ['scanline', 2],
      ['onnxruntime-node', 2],
      ['onnxruntime-web', 2],
    ])
    expect(results[0].difference).toBeUndefined()
    for (const { difference } of results.slice(1)) expect(difference).toBeLessThan(1e-4)
    expect(warnings.filter((warning) => warning.includes('differs'))).toEqual([])
  })

  it('runs several devices beside each other', async () => {
    const { results } = await run({ ...plan, groups: [[tiny]], devices: ['wasm', 'reference'] }, environment)
    expect(results.map(({ runner }) => runner.device)).toEqual(['wasm', 'reference'])
    expect(results[1].difference).toBeLessThan(1e-5)
    expect(results[1].gflops).toBeCloseTo(results[1].facts!.multiplyAdds! / results[1].time!.median / 1e6)
  })

  it('says what could not be run and measures the rest', async () => {
    const unfit = { ...tiny, model: 'no_such_model' }
    const refusing = {
      name: 'other',
      device: 'cpu',
      about: '',
      refuses: () => 'it knows no models',
      open: () => Promise.reject(new Error()),
    }
    const { results } = await run({ ...plan, groups: [[unfit], [tiny]], peers: [refusing] }, environment)
    expect(results.map((r) => r.notRun)).toEqual([
      expect.stringContaining('no_such_model'),
      'it knows no models',
      undefined,
      'it knows no models',
    ])
    expect(results[2].time?.runs).toBe(5)
  })

  it('gives what was measured when it is interrupted', async () => {
    const interruption = new AbortController()
    const report = await run(plan, {
      ...environment,
      signal: interruption.signal,
      progress: (text) => {
        if (text.startsWith('gelu')) interruption.abort()
      },
    })
    expect(report.interrupted).toBe(true)
    expect(report.results.filter((r) => r.time).map((r) => r.what)).toContainEqual(tiny)
    expect(report.limits[0].after).toBeUndefined()
    expect(formatReport(report)).toContain('interrupted')
  })

  it('warns of a device that uses fewer threads than asked for', async () => {
    const { warnings } = await run({ ...plan, groups: [[gelu]], devices: ['reference'], threads: [2] }, environment)
    expect(warnings).toContain('reference ran gelu 8x16 on 1 instead of 2 threads')
  })
})

describe('cost', () => {
  it('counts the multiply-adds of a model as model cards do', async () => {
    // spec: 9,808,000 in convolutions and 14,787,584 in linear layers at 160 pixels.
    const subject = await openModel({ ...tiny, size: 160, batch: 1 }, { name: 'scanline', device: 'wasm', threads: 1 })
    expect(subject.facts.multiplyAdds).toBe(2 * (9_808_000 + 14_787_584))
    await subject.close()
  })

  it('counts what a broadcast repeats once', async () => {
    const device = new WatchedBackend(await openDevice('reference', 1))
    const shape = [4, 8]
    const dense = { shape, dtype: 'f32', strides: contiguousStrides(shape) } as const
    const expr = [
      ['input', 0],
      ['input', 1],
      ['add', 0, 1],
    ]
    const launch = device.select({
      op: 'pointwise',
      inputs: [dense, { ...dense, strides: [0, 1] }],
      outputs: [dense],
      attrs: { expr, dtype: 'f32' },
    })
    if ('refused' in launch) throw new Error(launch.refused)
    expect(stepCost({ launch, args: [] }, device)).toMatchObject({ bytes: 4 * (32 + 8 + 32), flops: 32, multiplyAdds: 0 })
  })
})

describe('a profile', () => {
  it('splits a model into all of its steps, the slowest first', async () => {
    const what = { ...tiny, batch: 1 }
    const { steps, stepsMs, multiplyAdds, wholeMs } = await profileModel(
      what,
      { name: 'scanline', device: 'wasm', threads: 1 },
      { passes: 3, ms: 0 },
    )
    const subject = await openModel(what, { name: 'scanline', device: 'wasm', threads: 1 })
    expect(steps.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
      Array.from({ length: subject.facts.steps! }, (_, i) => i),
    )
    expect(steps.reduce((n, s) => n + s.multiplyAdds, 0)).toBe(multiplyAdds)
    expect(multiplyAdds).toBe(subject.facts.multiplyAdds)
    expect(stepsMs).toBeCloseTo(steps.reduce((n, s) => n + s.ms, 0))
    expect(wholeMs).toBeGreaterThan(0)
    expect(steps.map(({ ms }) => ms)).toEqual(steps.map(({ ms }) => ms).sort((a, b) => b - a))
    await subject.close()
  })
})

describe('the difference of two results', () => {
  it('is the largest one over the largest magnitude, and infinite for NaN or another size', () => {
    expect(difference(Float32Array.of(1, 2.5, -4), Float32Array.of(1, 2, -4))).toBe(0.125)
    expect(difference(Float32Array.of(0), Float32Array.of(0))).toBe(0)
    expect(difference(Float32Array.of(Number.NaN, 1), Float32Array.of(1, 1))).toBe(Number.POSITIVE_INFINITY)
    expect(difference(Float32Array.of(1), Float32Array.of(1, 1))).toBe(Number.POSITIVE_INFINITY)
  })
})
