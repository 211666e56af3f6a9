import type { Backend } from '@scanline/tensor'
import { conv2d, gelu, layerNorm, matmul, softmax, type Tensor, tensor } from '@scanline/tensor'

/** One kernel at one shape, as data: Scanline builds its ops from it and a peer its own. f32, channels last. */
export type KernelShape =
  | { readonly op: 'matmul'; readonly m: number; readonly k: number; readonly n: number }
  | { readonly op: 'depthwise'; readonly size: number; readonly channels: number; readonly kernel: number }
  | {
      readonly op: 'conv2d'
      readonly size: number
      readonly channels: number
      readonly filters: number
      readonly kernel: number
      readonly stride: number
    }
  | { readonly op: 'layerNorm' | 'gelu' | 'softmax'; readonly rows: number; readonly columns: number }

const mm = (m: number, k: number, n: number): KernelShape => ({ op: 'matmul', m, k, n })
const dw = (size: number, channels: number): KernelShape => ({ op: 'depthwise', size, channels, kernel: 7 })
const conv = (size: number, channels: number, filters: number): KernelShape => ({
  op: 'conv2d',
  size,
  channels,
  filters,
  kernel: 3,
  stride: 2,
})

/**
 * The two shapes that targets are set for first, then what mambaout_femto and mambaout_tiny consist of at 224 pixels:
 * fc1 [C → 2h] whole, fc2 [h → C], the 7×7 on C channels, stem and downsampling, the head.
 */
export const kernelShapes: readonly KernelShape[] = [
  mm(196, 384, 1024),
  dw(56, 96),
  mm(3136, 48, 256),
  mm(3136, 128, 48),
  mm(784, 96, 512),
  mm(784, 256, 96),
  mm(196, 192, 1024),
  mm(196, 512, 192),
  mm(49, 288, 1536),
  mm(49, 768, 288),
  mm(1, 288, 1152),
  mm(1, 1152, 1000),
  mm(3136, 96, 512),
  mm(3136, 256, 96),
  mm(196, 1024, 384),
  mm(49, 576, 3072),
  mm(49, 1536, 576),
  dw(56, 48),
  dw(28, 96),
  dw(14, 192),
  dw(7, 288),
  dw(28, 192),
  dw(14, 384),
  dw(7, 576),
  conv(224, 3, 24),
  conv(112, 24, 48),
  conv(56, 48, 96),
  conv(28, 96, 192),
  conv(14, 192, 288),
  { op: 'layerNorm', rows: 3136, columns: 96 },
  { op: 'layerNorm', rows: 3136, columns: 48 },
  { op: 'layerNorm', rows: 196, columns: 384 },
  { op: 'gelu', rows: 3136, columns: 96 },
  { op: 'softmax', rows: 196, columns: 196 },
]

/** `matmul 196x384x1024`, `depthwise 7x7 56x56x96`, … */
export function kernelName(shape: KernelShape): string {
  if (shape.op === 'matmul') return `matmul ${shape.m}x${shape.k}x${shape.n}`
  if (shape.op === 'depthwise') {
    const { kernel, size, channels } = shape
    return `depthwise ${kernel}x${kernel} ${size}x${size}x${channels}`
  }
  if (shape.op === 'conv2d') {
    const { kernel, stride, size, channels, filters } = shape
    return `conv2d ${kernel}x${kernel}/${stride} ${size}x${size}x${channels}-${filters}`
  }
  return `${shape.op} ${shape.rows}x${shape.columns}`
}

/** Pixels a side of a convolution's result, with padding of half the kernel. */
export const outSize = ({ size, kernel, stride = 1 }: { size: number; kernel: number; stride?: number }): number =>
  Math.floor((size + 2 * (kernel >> 1) - kernel) / stride) + 1

/** What a kernel computes from: its input first, then its weights, row-major. */
export interface KernelData {
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer>
}

/** The same numbers in every process, between -0.5 and 0.5. */
export function someNumbers(shape: readonly number[], seed: number): KernelData {
  let state = (seed * 2654435761) >>> 0
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[i] = state / 2 ** 32 - 0.5
  }
  return { shape, values }
}

export function kernelData(shape: KernelShape): KernelData[] {
  const shapes = ((): number[][] => {
    switch (shape.op) {
      case 'matmul':
        return [
          [shape.m, shape.k],
          [shape.k, shape.n],
        ]
      case 'depthwise':
        return [
          [1, shape.size, shape.size, shape.channels],
          [shape.channels, 1, shape.kernel, shape.kernel],
        ]
      case 'conv2d':
        return [
          [1, shape.size, shape.size, shape.channels],
          [shape.filters, shape.channels, shape.kernel, shape.kernel],
        ]
      case 'layerNorm':
        return [[shape.rows, shape.columns], [shape.columns], [shape.columns]]
      default:
        return [[shape.rows, shape.columns]]
    }
  })()
  return shapes.map((s, i) => someNumbers(s, i + 1))
}

/** The kernel as a function of its input; the weights become the device's and are packed when it is compiled. */
export function kernelFunction(shape: KernelShape, device: Backend): (x: Tensor) => Tensor {
  const [w, b] = kernelData(shape)
    .slice(1)
    .map((data) => tensor(data.values, { shape: data.shape, device }))
  switch (shape.op) {
    case 'matmul':
      return (x) => matmul(x, w)
    case 'depthwise':
      return (x) => conv2d(x, w, undefined, { padding: shape.kernel >> 1, groups: shape.channels })
    case 'conv2d':
      return (x) => conv2d(x, w, undefined, { padding: shape.kernel >> 1, stride: shape.stride })
    case 'layerNorm':
      return (x) => layerNorm(x, w, b, 1e-6)
    case 'gelu':
      return gelu
    case 'softmax':
      return (x) => softmax(x)
  }
}
