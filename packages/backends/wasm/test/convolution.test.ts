import { type Expr, expression } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { eachBackend } from './backends.js'
import { at, coordinates, expectClose, finish, Sum } from './expected.js'
import { type Input, launch, noise } from './launch.js'

interface Case {
  readonly x: Input
  readonly w: Input
  readonly stride?: readonly [number, number]
  readonly padding?: readonly [number, number, number, number]
  readonly dilation?: readonly [number, number]
}

const image = (n: number, h: number, w: number, c: number, seed = 1): Input => ({
  data: noise(n * h * w * c, seed),
  shape: [n, h, w, c],
})

function expected(
  op: string,
  { x, w, stride = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1] }: Case,
  epilogue?: Expr,
  extras: (shape: number[]) => Input[] = () => [],
) {
  const [n, height, width, channels] = x.shape
  const [filters, , kh, kw] = w.shape
  const length = (size: number, before: number, after: number, k: number, s: number, d: number) =>
    Math.floor((size + before + after - d * (k - 1) - 1) / s) + 1
  const oh = length(height, padding[0], padding[1], kh, stride[0], dilation[0])
  const ow = length(width, padding[2], padding[3], kw, stride[1], dilation[1])
  const shape = [n, oh, ow, filters]
  const values: number[] = []
  const bounds: number[] = []
  const given = extras(shape)
  for (const index of coordinates(shape)) {
    const [image, oy, ox, filter] = index
    const sum = new Sum()
    for (let ky = 0; ky < kh; ky++) {
      for (let kx = 0; kx < kw; kx++) {
        const iy = oy * stride[0] - padding[0] + ky * dilation[0]
        const ix = ox * stride[1] - padding[2] + kx * dilation[1]
        if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue
        if (op === 'depthwiseConv2d') sum.add(at(x, image, iy, ix, filter), at(w, filter, 0, ky, kx))
        else for (let c = 0; c < channels; c++) sum.add(at(x, image, iy, ix, c), at(w, filter, c, ky, kx))
      }
    }
    values.push(finish(epilogue, sum.value, given, index))
    bounds.push(1e-6 * (sum.magnitude + Math.abs(values[values.length - 1])) + 1e-30)
  }
  return { shape, values, bounds, given, attrs: { stride, padding, dilation, epilogue } }
}

const addAndScale = expression((e) => e.binary('mul', e.binary('add', e.input(0), e.input(1)), e.input(2)))
/** A bias for each channel; a gate that is a slice of a wider tensor, or spread unevenly. */
const biasAndGate = (uneven: boolean) => (shape: number[]) => {
  const [n, h, w, c] = shape
  const wide = c + 5
  const strides = uneven ? [h * w * wide, wide, h * wide, 1] : [h * w * wide, w * wide, wide, 1]
  return [
    { data: noise(c, 7), shape, strides: [0, 0, 0, 1] },
    { data: noise(n * h * w * wide, 8), shape, strides, offset: 3 },
  ]
}

const dense: Record<string, Case> = {
  'a stem: 3×3 stride 2 on RGB': { x: image(2, 13, 15, 3), w: image(24, 3, 3, 3, 2), stride: [2, 2], padding: [1, 1, 1, 1] },
  'a downsampling: 3×3 stride 2': { x: image(1, 14, 14, 20), w: image(13, 20, 3, 3, 2), stride: [2, 2], padding: [1, 1, 1, 1] },
  'many channels': { x: image(1, 5, 5, 70), w: image(9, 70, 3, 3, 2), padding: [1, 1, 1, 1] },
  '1×1': { x: image(2, 7, 7, 5), w: image(6, 5, 1, 1, 2) },
  '1×1 with a stride': { x: image(1, 7, 7, 5), w: image(6, 5, 1, 1, 2), stride: [2, 2] },
  'patches: 4×4 stride 4': { x: image(1, 16, 12, 3), w: image(8, 3, 4, 4, 2), stride: [4, 4] },
  'uneven everything': {
    x: image(1, 9, 11, 4),
    w: image(3, 4, 2, 5, 2),
    stride: [1, 3],
    padding: [0, 2, 3, 1],
    dilation: [3, 2],
  },
  'more padding than image': { x: image(1, 1, 2, 3), w: image(2, 3, 3, 3, 2), padding: [2, 2, 4, 4] },
  'one channel, one filter': { x: image(1, 4, 4, 1), w: image(1, 1, 3, 3, 2), padding: [1, 1, 1, 1] },
  'no image': { x: image(0, 4, 4, 3), w: image(2, 3, 3, 3, 2) },
  'a slice of channels': {
    x: { data: noise(7 * 7 * 12), shape: [1, 7, 7, 5], strides: [588, 84, 12, 1], offset: 4 },
    w: image(6, 5, 3, 3, 2),
  },
  'channels first': { x: { data: noise(5 * 49), shape: [1, 7, 7, 5], strides: [245, 7, 1, 49] }, w: image(6, 5, 3, 3, 2) },
}

const depthwise: Record<string, Case> = {
  '7×7 on 7×7': { x: image(2, 7, 7, 12), w: image(12, 1, 7, 7, 2), padding: [3, 3, 3, 3] },
  '7×7 on 14×14': { x: image(1, 14, 14, 8), w: image(8, 1, 7, 7, 2), padding: [3, 3, 3, 3] },
  '7×7 on a wide image': { x: image(1, 9, 43, 4), w: image(4, 1, 7, 7, 2), padding: [3, 3, 3, 3] },
  '7×7 on 3×3': { x: image(1, 3, 3, 5), w: image(5, 1, 7, 7, 2), padding: [3, 3, 3, 3] },
  '3×3 stride 2': { x: image(1, 15, 29, 7), w: image(7, 1, 3, 3, 2), stride: [2, 2], padding: [1, 1, 1, 1] },
  'more than one block of channels': { x: image(1, 5, 9, 131), w: image(131, 1, 3, 3, 2), padding: [1, 1, 1, 1] },
  '1×9, dilated, uneven padding': { x: image(1, 4, 30, 3), w: image(3, 1, 1, 9, 2), padding: [0, 0, 7, 2], dilation: [1, 3] },
  'dilated rows': { x: image(1, 9, 5, 4), w: image(4, 1, 5, 3, 2), padding: [6, 3, 1, 1], dilation: [3, 1] },
  'more padding than image': { x: image(1, 2, 1, 4), w: image(4, 1, 3, 3, 2), padding: [4, 4, 11, 10] },
  'one channel': { x: image(1, 4, 4, 1), w: image(1, 1, 3, 3, 2), padding: [1, 1, 1, 1] },
  'no image': { x: image(0, 4, 4, 3), w: image(3, 1, 3, 3, 2) },
  'a slice of channels': {
    x: { data: noise(7 * 7 * 12), shape: [1, 7, 7, 6], strides: [588, 84, 12, 1], offset: 4 },
    w: image(6, 1, 7, 7, 2),
    padding: [3, 3, 3, 3],
  },
  'channels first': {
    x: { data: noise(6 * 49), shape: [1, 7, 7, 6], strides: [294, 7, 1, 49] },
    w: image(6, 1, 7, 7, 2),
    padding: [3, 3, 3, 3],
  },
}

for (const [op, cases] of Object.entries({ conv2d: dense, depthwiseConv2d: depthwise })) {
  eachBackend(op, (backend) => {
    test.each(Object.entries(cases))('%s', async (_, c) => {
      const { shape, values, bounds, attrs } = expected(op, c)
      expectClose(await launch(backend(), op, [c.x, c.w], shape, attrs), values, (i) => bounds[i])
    })

    test.each(Object.entries(cases))('%s, with an epilogue', async (_, c) => {
      for (const uneven of [false, true]) {
        const { shape, values, bounds, attrs, given } = expected(op, c, addAndScale, biasAndGate(uneven))
        expectClose(await launch(backend(), op, [c.x, c.w, ...given], shape, attrs), values, (i) => bounds[i])
      }
    })

    test('infinities and NaN reach the outputs that see them, no others', async () => {
      const c = Object.values(cases)[0]
      const data = Float32Array.from(c.x.data)
      data[3] = Number.POSITIVE_INFINITY
      data[data.length - 1] = Number.NaN
      const { shape, values, bounds, attrs } = expected(op, { ...c, x: { ...c.x, data } })
      expect(values.some(Number.isNaN)).toBe(true)
      expect(values.some(Number.isFinite)).toBe(true)
      expectClose(await launch(backend(), op, [{ ...c.x, data }, c.w], shape, attrs), values, (i) => bounds[i])
    })
  })
}
