// The kernels that decide speed, each recorded once and replayed, beside the machine's own multiply-add ceiling.
//   pnpm --filter @scanline/wasm build && node packages/backends/wasm/bench/kernels.mjs [--threads N] [--only TEXT] [--plain]
import { parseArgs } from 'node:util'
import { contiguousStrides, encode, expression, sizeOf } from '@scanline/tensor'
import { createWasmBackend, measureCeiling } from '@scanline/wasm'

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    plain: { type: 'boolean', default: false },
  },
})

const spec = (shape, strides = contiguousStrides(shape)) => ({ shape, dtype: 'f32', strides })
const biasRow = (shape) => spec(shape, [...shape.slice(0, -1).map(() => 0), 1])
const biasGelu = expression((e) => {
  const x = e.binary('add', e.input(0), e.input(1))
  const cdf = e.binary('add', e.unary('erf', e.binary('mul', x, e.const(Math.SQRT1_2))), e.const(1))
  return e.binary('mul', e.binary('mul', x, e.const(0.5)), cdf)
})

/** [name, call, floating-point operations] */
const cases = []
function linear(m, k, n, epilogue) {
  const inputs = [spec([m, k]), spec([k, n], [1, k]), ...(epilogue ? [biasRow([m, n])] : [])]
  cases.push([
    `matmul ${m}×${k}×${n}${epilogue ? ' + bias + gelu' : ''}`,
    { op: 'matmul', inputs, outputs: [spec([m, n])], attrs: { epilogue } },
    2 * m * k * n,
  ])
}
function convolution(op, size, channels, filters, kernel, stride) {
  const pad = kernel >> 1
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1
  const depth = op === 'conv2d' ? channels : 1
  const call = {
    op,
    inputs: [spec([1, size, size, channels]), spec([filters, depth, kernel, kernel])],
    outputs: [spec([1, out, out, filters])],
    attrs: { stride: [stride, stride], padding: [pad, pad, pad, pad], dilation: [1, 1] },
  }
  cases.push([
    `${op} ${kernel}×${kernel}/${stride} ${size}×${size}×${channels} → ${filters}`,
    call,
    2 * kernel * kernel * depth * filters * out * out,
  ])
}

linear(196, 384, 1024)
linear(512, 512, 512)
linear(3136, 48, 288)
linear(784, 96, 512)
linear(784, 256, 96)
linear(196, 192, 1024)
linear(49, 288, 1536)
linear(49, 3072, 512)
linear(1, 1152, 1000)
linear(8, 1152, 1000)
linear(3136, 96, 512, biasGelu)
convolution('conv2d', 224, 3, 24, 3, 2)
convolution('conv2d', 112, 24, 48, 3, 2)
convolution('conv2d', 56, 48, 96, 3, 2)
convolution('conv2d', 28, 96, 192, 3, 2)
convolution('conv2d', 14, 192, 288, 3, 2)
convolution('depthwiseConv2d', 56, 96, 96, 7, 1)
convolution('depthwiseConv2d', 28, 96, 96, 7, 1)
convolution('depthwiseConv2d', 14, 192, 192, 7, 1)
convolution('depthwiseConv2d', 7, 288, 288, 7, 1)

/** A scan with every optional input; what counts are the multiply-adds of states and outputs, three for each state. */
function scan(length, channels, states) {
  const sequence = spec([1, length, channels])
  const shared = spec([1, length, states])
  const vector = spec([channels])
  cases.push([
    `selectiveScan ${length}×${channels}×${states}`,
    {
      op: 'selectiveScan',
      inputs: [sequence, sequence, spec([channels, states]), shared, shared, vector, sequence, vector],
      outputs: [sequence],
      attrs: { skip: true, gate: true, bias: true, softplus: true, reverse: false, lastState: false },
    },
    6 * length * channels * states,
  ])
}

/** Both directions of a scan, with every optional input. */
function bothWays(length, channels, states) {
  const sequence = spec([1, length, channels])
  const shared = spec([1, length, states])
  const vector = spec([channels])
  const direction = [sequence, sequence, spec([channels, states]), shared, shared, vector, vector]
  cases.push([
    `bidirectionalScan ${length}×${channels}×${states}`,
    {
      op: 'bidirectionalScan',
      inputs: [...direction, ...direction, sequence],
      outputs: [sequence],
      attrs: { skip: true, gate: true, bias: true, softplus: true, scale: 0.5 },
    },
    12 * length * channels * states,
  ])
}

bothWays(197, 384, 16)
scan(197, 384, 16)
scan(196, 160, 8)
scan(49, 320, 8)

/** Milliseconds of every run. */
async function time(backend, call) {
  const launch = backend.select(call)
  if ('refused' in launch) throw new Error(launch.refused)
  const args = call.inputs.map(({ shape }) => {
    const bytes = encode(
      'f32',
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
    )
    const buffer = backend.alloc(bytes.length)
    backend.write(buffer, 0, bytes)
    return buffer
  })
  for (const { input, launch: prepare, bytes } of launch.prepare ?? []) {
    const prepared = backend.alloc(bytes)
    backend.run(
      prepare,
      [args[input], prepared].map((buffer) => ({ buffer, offset: 0 })),
    )
    backend.free(args[input])
    args[input] = prepared
  }
  const inputs = args.length
  if (launch.scratch) args.push(backend.alloc(launch.scratch))
  const bytes = 4 * sizeOf(call.outputs[0].shape)
  const refs = args.map((_, index) => ({ from: 'constant', index, offset: 0 }))
  refs.splice(inputs, 0, { from: 'output', index: 0, offset: 0 })
  const recording = await backend.record({
    inputs: [],
    outputs: [bytes],
    constants: args,
    slots: [],
    steps: [{ launch, args: refs }],
  })
  const output = backend.alloc(bytes)
  const times = []
  for (const until = performance.now() + 400; performance.now() < until || times.length < 5; ) {
    const start = performance.now()
    recording.run([], [{ buffer: output, offset: 0 }])
    times.push(performance.now() - start)
    // The engine installs optimised code from its own threads.
    if (times.length === 3) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  recording.dispose()
  for (const buffer of [...args, output]) backend.free(buffer)
  return times
}

const backend = await createWasmBackend({ threads: Number(options.threads), relaxedSimd: !options.plain })
const { gflops: ceiling, fused } = measureCeiling()
const { threads, features } = backend.capabilities
console.log(
  `ceiling of a thread ${ceiling.toFixed(1)} GFLOP/s${fused ? ' (fused)' : ''}; ${threads} threads, relaxed SIMD ${features.relaxedSimd}`,
)
for (const [name, call, flops] of cases) {
  if (!name.includes(options.only)) continue
  const times = await time(backend, call)
  const sorted = [...times].sort((a, b) => a - b)
  const median = sorted[sorted.length >> 1]
  const gflops = flops / median / 1e6
  const share = ((100 * gflops) / ceiling).toFixed(0)
  const first = times.slice(0, 3).map((t) => t.toFixed(2))
  console.log(
    `${name.padEnd(42)} ${median.toFixed(3).padStart(8)} ms ${gflops.toFixed(1).padStart(6)} GFLOP/s ${share.padStart(4)} %  best ${sorted[0].toFixed(3)}  first three ${first.join(' ')}`,
  )
}
backend.dispose()
