import {
  apply1,
  type Backend,
  type Binding,
  bytesPerElement,
  type Launch,
  mul,
  type Op,
  type OpCall,
  ReferenceBackend,
  sizeOf,
} from '@scanline/tensor'
import { type Sample, samples } from '@scanline/tensor/samples'
import { expect, test } from 'vitest'
import { type ConformanceOptions, formatReport, type Report, runConformance, wrapBackend } from '../src/index.js'

const of = (...ops: string[]): Sample[] => samples.filter(({ op }) => ops.includes(op))

type Break = (good: ReferenceBackend) => Partial<Backend>

const broken = (change: Break, options: ConformanceOptions): Promise<Report> =>
  runConformance(() => {
    const good = new ReferenceBackend()
    return wrapBackend(good, change(good))
  }, options)

/** The checks that failed, and the messages. */
function failures({ results }: Report): { checks: string[]; messages: string } {
  const failed = results.flatMap(({ check, outcome }) =>
    outcome.status === 'failed' ? [{ check, message: outcome.error.message }] : [],
  )
  return { checks: [...new Set(failed.map((f) => f.check))], messages: failed.map((f) => f.message).join('\n') }
}

const callOf = (launch: Launch): OpCall => launch.params as OpCall

/** Runs launches of recorded programs one by one through `run`, as eager ops do. */
const recordWith = (good: ReferenceBackend, run: Backend['run']): Backend['record'] => {
  const recorder = new ReferenceBackend()
  recorder.run = run
  recorder.alloc = (bytes) => good.alloc(bytes)
  recorder.free = (buffer) => good.free(buffer)
  return (program) => recorder.record(program)
}

/** Changes what a launch of an op does, eager and recorded. */
const instead =
  (op: string, change: (good: ReferenceBackend, launch: Launch, args: readonly Binding[]) => void): Break =>
  (good) => {
    const run: Backend['run'] = (launch, args) => (launch.kernel === op ? change(good, launch, args) : good.run(launch, args))
    return { run, record: recordWith(good, run) }
  }

test('the reference itself passes', async () => {
  const report = await broken(() => ({}), { samples: of('matmul'), share: 0.2 })
  expect(report.failed, formatReport(report)).toBe(0)
  expect(report.passed).toBeGreaterThan(50)
})

test('a wrong last element', async () => {
  const change = instead('matmul', (good, launch, args) => {
    good.run(launch, args)
    const { shape, dtype } = callOf(launch).outputs[0]
    const { buffer, offset } = args[args.length - 1]
    const last = offset + (sizeOf(shape) - 1) * bytesPerElement[dtype]
    good.write(buffer, last, new Uint8Array(new Float32Array([7]).buffer))
  })
  const { checks, messages } = failures(await broken(change, { samples: of('matmul').slice(5, 10) }))
  expect(checks).toEqual(expect.arrayContaining(['forward', 'compiled', 'unfused', 'captured', 'gradient']))
  expect(messages).toContain('is 7 instead of')
})

test('a bias that is dropped', async () => {
  const change = instead('matmul', (good, launch, args) => {
    const { epilogue: _, ...attrs } = callOf(launch).attrs as { epilogue?: unknown }
    const call = callOf(launch)
    good.run({ ...launch, params: { ...call, inputs: call.inputs.slice(0, 2), attrs } }, [
      ...args.slice(0, 2),
      args[args.length - 1],
    ])
  })
  const plain = await broken(change, { samples: of('matmul').slice(0, 10) })
  expect(plain.failed).toBe(0)
  const biased = of('matmul').filter(({ name }) => name === 'epilogue: bias')
  expect(failures(await broken(change, { samples: biased })).checks).toEqual(
    expect.arrayContaining(['forward', 'compiled', 'captured']),
  )
  // Only fusion writes epilogues: op by op the network is right.
  const network = of('network').filter(({ name }) => name === 'head')
  const { checks } = failures(await broken(change, { samples: network }))
  expect(checks).toContain('captured')
  expect(checks).not.toContain('forward')
})

test('a buffer that is never freed', async () => {
  const change: Break = (good) => ({
    run: (launch, args) => {
      good.alloc(4)
      good.run(launch, args)
    },
  })
  const { checks, messages } = failures(await broken(change, { samples: of('softmax').slice(2, 5) }))
  expect(checks).toEqual(expect.arrayContaining(['forward', 'device']))
  expect(messages).toContain('1 buffers were left alive')
  expect(messages).toMatch(/\d+ buffers live at the end, 0 at the start/)
})

test('a replay that allocates', async () => {
  const change: Break = (good) => ({
    record: async (program) => {
      const recording = await good.record(program)
      const extra: ReturnType<typeof good.alloc>[] = []
      return {
        run: (inputs, outputs) => {
          extra.push(good.alloc(16))
          recording.run(inputs, outputs)
        },
        dispose: () => {
          for (const buffer of extra) good.free(buffer)
          recording.dispose()
        },
      }
    },
  })
  const { checks, messages } = failures(await broken(change, { samples: of('softmax').slice(2, 5) }))
  expect(checks).toEqual(['compiled', 'unfused'])
  expect(messages).toContain('a replay allocates: memory().buffers')
})

test('a replay that gives the first result again', async () => {
  const change: Break = (good) => ({
    record: async (program) => {
      const recording = await good.record(program)
      let first: Promise<Uint8Array>[] | undefined
      const kept: Uint8Array[] = []
      return {
        run: (inputs, outputs) => {
          if (first) for (const [i, bytes] of kept.entries()) good.write(outputs[i].buffer, outputs[i].offset, bytes)
          else {
            recording.run(inputs, outputs)
            first = outputs.map(({ buffer, offset }, i) =>
              good.read(buffer, offset, program.outputs[i]).then((b) => (kept[i] = b)),
            )
          }
        },
        dispose: () => recording.dispose(),
      }
    },
  })
  const { checks, messages } = failures(
    await broken(change, { samples: of('reduce').filter(({ name }) => name === 'sum over [1]') }),
  )
  expect(checks).toEqual(['compiled', 'unfused', 'device'])
  expect(messages).toContain('the replay on other inputs')
})

test('a launch that depends on more than the call', async () => {
  let calls = 0
  const change: Break = (good) => ({
    select: (call) => {
      const launch = good.select(call)
      return 'refused' in launch ? launch : { ...launch, params: { ...callOf(launch), calls: calls++ } }
    },
  })
  const { checks, messages } = failures(await broken(change, { samples: of('copy').slice(0, 3) }))
  expect(checks).toEqual(['launches'])
  expect(messages).toContain('two launches for one call')
})

test('a launch that is no plain data', async () => {
  const change: Break = (good) => ({
    select: (call) => {
      const launch = good.select(call)
      return 'refused' in launch ? launch : { ...launch, params: { ...callOf(launch), table: new Float32Array(2) } }
    },
  })
  const { checks, messages } = failures(await broken(change, { samples: of('copy').slice(0, 3) }))
  expect(checks).toEqual(['launches'])
  expect(messages).toContain('launch.params.table is a Float32Array')
})

test('NaN that is lost', async () => {
  const change = instead('softmax', (good, launch, args) => {
    good.run(launch, args)
    const { shape } = callOf(launch).outputs[0]
    const { buffer, offset } = args[1]
    // A ReferenceBuffer, read without waiting.
    const values = new Float32Array(sizeOf(shape))
    const data = (buffer as unknown as { data: Uint8Array }).data
    values.set(new Float32Array(data.buffer, data.byteOffset + offset, values.length))
    good.write(buffer, offset, new Uint8Array(values.map((v) => (Number.isNaN(v) ? 0 : v)).buffer))
  })
  const masked = of('softmax').filter(({ name }) => name === 'special values' || name === 'attention scores')
  const report = await broken(change, { samples: masked })
  expect(failures(report).messages).toContain('NaN and infinities must be the same')
  expect(report.results.filter((r) => r.outcome.status === 'failed').every((r) => r.name === 'special values')).toBe(true)
})

test('a kernel that is missing', async () => {
  const change: Break = (good) => ({
    select: (call) => (call.op === 'flip' ? { refused: 'not written' } : good.select(call)),
  })
  const report = await broken(change, { samples: of('flip').slice(3, 5) })
  expect(failures(report).checks).toContain('forward')
  expect(failures(report).messages).toContain('not written')
})

test('a backend that outlives dispose()', async () => {
  const { messages } = failures(await broken(() => ({ dispose: () => {} }), { samples: [] }))
  expect(messages).toContain('after dispose(), alloc() still works')
})

test('a gradient that is wrong on every backend', async () => {
  const tripled: Op<Record<never, never>> = {
    name: 'tripled',
    infer: ([x]) => [x],
    reference: ([x]) => [x.data.map((v) => 3 * v)],
    vjp: ([g]) => [mul(g!, 2)],
    flops: () => 0,
  }
  const sample: Sample = { op: 'tripled', name: 'seven', inputs: [{ shape: [7] }], run: (x) => apply1(tripled, [x], {}) }
  const report = await runConformance(() => new ReferenceBackend({ ops: [tripled] }), { samples: [sample], ops: [tripled] })
  expect(failures(report).checks).toEqual(['differences'])
})

test('skips are counted with their reasons', async () => {
  const report = await broken(() => ({}), {
    samples: of('flip').slice(0, 4),
    checks: ['forward', 'compiled'],
    skip: ({ name }, check) => (check === 'compiled' && name.includes('3') ? 'three is unlucky' : undefined),
  })
  expect(report.reasons.get('three is unlucky')).toBe(1)
  expect(report.skipped).toBe(1)
  expect(formatReport(report)).toContain('skipped 1: three is unlucky')
})

test('a share is the same on every call', async () => {
  const names = async () =>
    (await broken(() => ({}), { samples: of('flip'), share: 0.3 })).results.map((r) => `${r.name} ${r.check}`)
  const first = await names()
  expect(await names()).toEqual(first)
  expect(first.length).toBeGreaterThan(10)
  expect(first.length).toBeLessThan(100)
})
