import type { Box, FilterName, Image, Orientation } from '@scanline/image'
import {
  crop,
  decodeRaster,
  encodePng,
  evalTransform,
  FILTERS,
  ImageError,
  orient,
  PIPELINES,
  resize,
  toRgb,
} from '@scanline/image'
import fc from 'fast-check'
import { expect, it } from 'vitest'

const side = fc.integer({ min: 1, max: 24 })
const channels = fc.constantFrom(1, 2, 3, 4)
const filter = fc.constantFrom<FilterName>('nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos')

const image = fc
  .tuple(side, side, channels)
  .chain(([width, height, c]) =>
    fc
      .uint8Array({ minLength: width * height * c, maxLength: width * height * c })
      .map((data): Image => ({ width, height, channels: c, data })),
  )

/** The rule of the specification in double precision, without fixed point and without rounding between the passes. */
function slowResize(from: Image, width: number, height: number, name: Exclude<FilterName, 'nearest'>): number[] {
  const { support, weight } = FILTERS[name]
  const axis = (inSize: number, outSize: number) =>
    Array.from({ length: outSize }, (_, i) => {
      const scale = inSize / outSize
      const widening = Math.max(scale, 1)
      const centre = (i + 0.5) * scale
      const w = Array.from({ length: inSize }, (_, j) => {
        const inReach =
          j >= Math.trunc(Math.max(0, centre - support * widening + 0.5)) && j < Math.trunc(centre + support * widening + 0.5)
        return inReach ? weight((j + 0.5 - centre) / widening) : 0
      })
      const sum = w.reduce((a, b) => a + b, 0)
      return w.map((v) => v / sum)
    })
  const xs = axis(from.width, width)
  const ys = axis(from.height, height)
  const out: number[] = []
  for (const wy of ys) {
    for (const wx of xs) {
      for (let c = 0; c < from.channels; c++) {
        let sum = 0
        for (const [y, a] of wy.entries()) {
          for (const [x, b] of wx.entries()) sum += a * b * from.data[(y * from.width + x) * from.channels + c]!
        }
        out.push(Math.min(255, Math.max(0, sum)))
      }
    }
  }
  return out
}

it('resizes a constant image to the same constant', () => {
  fc.assert(
    fc.property(side, side, side, side, filter, fc.nat({ max: 255 }), (w, h, width, height, f, value) => {
      const out = resize({ width: w, height: h, channels: 3, data: new Uint8Array(w * h * 3).fill(value) }, width, height, {
        filter: f,
      })
      expect([out.width, out.height, out.data.length]).toEqual([width, height, width * height * 3])
      expect(out.data.every((v) => v === value)).toBe(true)
    }),
  )
})

it('stays near a direct double-precision resize', () => {
  const smooth = fc.constantFrom<Exclude<FilterName, 'nearest'>>('box', 'bilinear', 'hamming')
  const opaque = image.filter((i) => i.channels === 1 || i.channels === 3)
  fc.assert(
    fc.property(opaque, side, side, smooth, (from, width, height, f) => {
      const slow = slowResize(from, width, height, f)
      resize(from, width, height, { filter: f }).data.forEach((v, i) => {
        // Two roundings to bytes.
        expect(Math.abs(v - slow[i]!)).toBeLessThanOrEqual(1.0001)
      })
    }),
  )
})

it('computes a window of the result as if it were cut out afterwards', () => {
  fc.assert(
    fc.property(
      image,
      side,
      side,
      filter,
      fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()),
      (from, width, height, f, [a, b, c, d]) => {
        const x0 = a % width
        const y0 = b % height
        const window: Box = [x0, y0, x0 + 1 + (c % (width - x0)), y0 + 1 + (d % (height - y0))]
        const whole = resize(from, width, height, { filter: f })
        expect(resize(from, width, height, { filter: f, window })).toEqual(crop(whole, x0, y0, window[2] - x0, window[3] - y0))
      },
    ),
  )
})

it('keeps an image that is resized to its own size', () => {
  fc.assert(
    fc.property(image, filter, (from, f) => {
      expect(resize(from, from.width, from.height, { filter: f })).toEqual(from)
    }),
  )
})

it('undoes each orientation with its inverse', () => {
  const inverse: Record<Orientation, Orientation> = { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6 }
  fc.assert(
    fc.property(image, fc.integer({ min: 1, max: 8 }), (from, o) => {
      expect(orient(orient(from, o as Orientation), inverse[o as Orientation])).toEqual(from)
    }),
  )
})

it('reads back the PNG that it writes', async () => {
  await fc.assert(
    fc.asyncProperty(image, async (from) => {
      const raster = await decodeRaster(encodePng(from))
      expect(raster).toEqual({
        mode: ['', 'L', 'LA', 'RGB', 'RGBA'][from.channels],
        width: from.width,
        height: from.height,
        data: from.data,
      })
    }),
  )
})

it('fills a crop beyond the image', () => {
  const from: Image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }
  expect([...crop(from, -1, 0, 2, 2, [7, 8, 9]).data]).toEqual([7, 8, 9, 1, 2, 3, 7, 8, 9, 7, 8, 9])
  expect([...crop(from, -1, 0, 2, 1).data]).toEqual([0, 0, 0, 1, 2, 3])
})

it('transforms images of any shape in bounded memory', () => {
  const thin = (width: number, height: number): Image => ({
    width,
    height,
    channels: 1,
    data: new Uint8Array(width * height).fill(255),
  })
  for (const pipeline of Object.keys(PIPELINES) as (keyof typeof PIPELINES)[]) {
    for (const cropMode of ['center', 'squash', 'border'] as const) {
      const transform = evalTransform({ pipeline, inputSize: [3, 32, 32], cropMode })
      for (const from of [thin(1, 100_000), thin(100_000, 1), thin(1, 1)]) {
        expect(transform.pixels(from)).toMatchObject({ width: 32, height: 32, channels: 3 })
      }
    }
  }
})

it('converts what is not RGB before a transform', () => {
  const transform = evalTransform({ pipeline: 'vim', inputSize: [3, 16, 16] })
  fc.assert(
    fc.property(image, (from) => {
      expect(transform(from)).toEqual(transform(toRgb(from)))
    }),
    { numRuns: 20 },
  )
})

it('names what does not fit', () => {
  const from: Image = { width: 4, height: 4, channels: 3, data: new Uint8Array(48) }
  const calls: [() => unknown, RegExp][] = [
    [() => resize(from, 0, 4), /resized to 0 x 4/],
    [() => resize(from, 2.5, 4), /2.5 x 4/],
    [() => resize(from, 2, 2, { filter: 'cubic' as FilterName }), /no filter "cubic"\. Choose nearest, box, bilinear/],
    [() => resize(from, 2, 2, { box: [0, 0, 5, 4] }), /box 0, 0, 5, 4 .* 4 x 4/],
    [() => resize(from, 2, 2, { window: [0, 0, 3, 2] }), /window 0, 0, 3, 2 .* 2 x 2/],
    [() => toRgb({ ...from, channels: 5 }), /not 5/],
    [() => evalTransform({ pipeline: 'vim', inputSize: [3, 32, 64] }), /square inputs only, not 32 x 64/],
    [() => evalTransform({ pipeline: 'timm-1.0', inputSize: [1, 32, 32] }), /\[1, 32, 32\]/],
    [() => evalTransform({ pipeline: 'timm-1.0', inputSize: [3, 32, 32], cropPct: 87.5 }), /not 87.5/],
    [() => evalTransform({ pipeline: 'timm' as 'vim', inputSize: [3, 32, 32] }), /Choose one of timm-0.6, timm-1.0/],
    [() => evalTransform({ pipeline: 'vim', inputSize: [3, 32, 32] }).into(from, new Float32Array(10)), /3072 values do not fit/],
  ]
  for (const [call, message] of calls) {
    expect(call).toThrow(ImageError)
    expect(call).toThrow(message)
  }
})
