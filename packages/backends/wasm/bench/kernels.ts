import { type Backend, contiguousStrides, encode, type OpCall, sizeOf } from '@scanline/tensor'
import { measureCeiling } from '../src/ceiling.js'
import { createWasmBackend } from '../src/index.js'

/** Recorded once, run often: milliseconds of the fastest and the median run, and of the second. */
async function time(backend: Backend, call: OpCall) {
  const chosen = backend.select(call)
  if ('refused' in chosen) throw new Error(chosen.refused)
  const buffers = call.inputs.map(({ shape }) => {
    const bytes = encode(
      'f32',
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
    )
    const buffer = backend.alloc(bytes.length)
    backend.write(buffer, 0, bytes)
    return buffer
  })
  const args = [...buffers]
  for (const { input, launch, bytes } of chosen.prepare ?? []) {
    const packed = backend.alloc(bytes)
    backend.run(
      launch,
      [args[input], packed].map((buffer) => ({ buffer, offset: 0 })),
    )
    args[input] = packed
  }
  const outBytes = 4 * sizeOf(call.outputs[0].shape)
  const recording = await backend.record({
    inputs: [],
    outputs: [outBytes],
    constants: args,
    slots: [],
    steps: [
      {
        launch: chosen,
        args: [
          ...args.map((_, index) => ({ from: 'constant' as const, index, offset: 0 })),
          { from: 'output', index: 0, offset: 0 },
        ],
      },
    ],
  })
  const out = { buffer: backend.alloc(outBytes), offset: 0 }
  const times: number[] = []
  const until = performance.now() + 400
  while (performance.now() < until || times.length < 5) {
    const start = performance.now()
    recording.run([], [out])
    times.push(performance.now() - start)
    if (times.length === 3) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  recording.dispose()
  for (const buffer of [...new Set([...buffers, ...args, out.buffer])]) backend.free(buffer)
  const sorted = [...times].sort((a, b) => a - b)
  return { best: sorted[0], median: sorted[sorted.length >> 1], first: times.slice(0, 5) }
}

const spec = (shape: number[], strides = contiguousStrides(shape)) => ({ shape, dtype: 'f32' as const, strides })

export const matmulCall = (
  m: number,
  k: number,
  n: number,
  extra: Partial<OpCall['attrs']> = {},
  inputs: OpCall['inputs'] = [],
): OpCall => ({
  op: 'matmul',
  inputs: [spec([m, k]), spec([k, n], [1, k]), ...inputs],
  outputs: [spec([m, n])],
  attrs: extra,
})

const conv = (
  op: string,
  h: number,
  c: number,
  o: number,
  kernel: number,
  stride: number,
  attrs = {},
  inputs: (s: number[]) => OpCall['inputs'] = () => [],
): OpCall => {
  const pad = kernel >> 1
  const oh = Math.floor((h + 2 * pad - kernel) / stride) + 1
  return {
    op,
    inputs: [spec([1, h, h, c]), spec([o, op === 'conv2d' ? c : 1, kernel, kernel]), ...inputs([1, oh, oh, o])],
    outputs: [spec([1, oh, oh, o])],
    attrs: { stride: [stride, stride], padding: [pad, pad, pad, pad], dilation: [1, 1], ...attrs },
  }
}

const half = Math.SQRT1_2
const biasGelu = [
  ['input', 0],
  ['input', 1],
  ['add', 0, 1],
  ['const', half],
  ['mul', 2, 3],
  ['erf', 4],
  ['const', 1],
  ['add', 5, 6],
  ['const', 0.5],
  ['mul', 2, 8],
  ['mul', 9, 7],
]
const bias = (s: number[]) => [spec(s, [...s.slice(0, -1).map(() => 0), 1])]

const cases: Record<string, [OpCall, number]> = {}
const mm = (m: number, k: number, n: number) => (cases[`matmul ${m}x${k}x${n}`] = [matmulCall(m, k, n), 2 * m * k * n])
mm(196, 384, 1024)
mm(512, 512, 512)
mm(3136, 48, 288)
mm(3136, 96, 512)
mm(12544, 27, 24)
mm(784, 96, 512)
mm(784, 256, 96)
mm(196, 192, 1024)
mm(196, 512, 192)
mm(49, 288, 1536)
mm(49, 768, 288)
mm(49, 3072, 512)
mm(1, 288, 1152)
mm(1, 1152, 1000)
mm(8, 1152, 1000)
cases['matmul+bias+gelu 3136x96x512'] = [
  matmulCall(3136, 96, 512, { epilogue: biasGelu }, bias([3136, 512])),
  2 * 3136 * 96 * 512,
]
const cv = (h: number, c: number, o: number) =>
  (cases[`conv2d 3x3/2 ${h}x${h}x${c}->${o}`] = [conv('conv2d', h, c, o, 3, 2), 2 * 9 * c * o * (h / 2) ** 2])
{
  cv(224, 3, 24)
  cv(112, 24, 48)
  cv(56, 48, 96)
  cv(28, 96, 192)
  cv(14, 192, 288)
  const dw = (h: number, c: number) =>
    (cases[`depthwise 7x7 ${h}x${h}x${c}`] = [conv('depthwiseConv2d', h, c, c, 7, 1), 2 * 49 * c * h * h])
  dw(56, 96)
  dw(56, 48)
  dw(28, 96)
  dw(14, 192)
  dw(7, 288)
}

const threads = Number(process.argv[2] ?? 1)
const backend = await createWasmBackend({ threads, relaxedSimd: !process.argv.includes('--plain') })
const ceiling = measureCeiling()
console.log(
  `ceiling ${ceiling.gflops.toFixed(1)} GFLOP/s${ceiling.fused ? ', fused' : ''}; ${backend.capabilities.threads} threads, relaxed ${backend.capabilities.features.relaxedSimd}`,
)
const only = process.argv[3]
for (const [name, [call, flops]] of Object.entries(cases)) {
  if (only && !only.startsWith('--') && !name.includes(only)) continue
  const { best, median, first } = await time(backend, call)
  const gflops = flops / median / 1e6
  console.log(
    `${name.padEnd(34)} ${median.toFixed(3).padStart(8)} ms ${gflops.toFixed(1).padStart(6)} GFLOP/s ${((100 * gflops) / ceiling.gflops).toFixed(0).padStart(4)} %   best ${best.toFixed(3)}  first ${first.map((x) => x.toFixed(2)).join(' ')}`,
  )
}
backend.dispose()
