import type { Box, CropMode, EvalConfig, FilterName, Mode, Raster } from '@scanline/image'
import {
  CLIP_MEAN,
  CLIP_STD,
  centreOffset,
  coefficients,
  evalTransform,
  FILTERS,
  INCEPTION_MEAN,
  INCEPTION_STD,
  keepRatio,
  normalizeTable,
  PIPELINES,
  resize,
  shorterSide,
  toGrey,
  toRgb,
} from '@scanline/image'
import { describe, expect, it, test } from 'vitest'
import type { GeneratedImage, Stored } from './reference.js'
import { bytesOf, fixture, generate, sha256 } from './reference.js'

test('the image generator follows its formulas', () => {
  const { salt, images } = fixture<{ salt: string; images: (Stored & { image: GeneratedImage })[] }>('images')
  for (const stored of images) expect(sha256(generate(salt, stored.image).data), stored.image.name).toBe(stored.sha256)
})

test('integer weights equal the reference', () => {
  interface Row {
    in: number
    out: number
    filter: Exclude<FilterName, 'nearest'>
    outputs: { index: number; first: number; weights: number[] }[]
  }
  for (const row of fixture<{ rows: Row[] }>('resize_coefficients').rows) {
    const { first, start, weights } = coefficients(FILTERS[row.filter], row.in, row.out, 0, row.in)
    for (const output of row.outputs) {
      const i = output.index
      expect([first[i], ...weights.subarray(start[i], start[i + 1])], `${row.filter} ${row.in} to ${row.out} at ${i}`).toEqual([
        output.first,
        ...output.weights,
      ])
    }
  }
})

describe('resize equals Pillow', () => {
  interface Case {
    image: GeneratedImage
    out_width: number
    out_height: number
    filter: FilterName
    box?: Box
    output: Stored
  }
  const { salt, cases } = fixture<{ salt: string; cases: Case[] }>('resize')
  test.each(
    cases.map(
      (c) =>
        [
          `${c.filter} ${c.image.name} ${c.image.width}x${c.image.height} to ${c.out_width}x${c.out_height} ${c.box ?? ''}`,
          c,
        ] as const,
    ),
  )('%s', (_, c) => {
    const box = c.box && { box: c.box }
    const out = resize(generate(salt, c.image), c.out_width, c.out_height, { filter: c.filter, ...box })
    expect([out.height, out.width, ...(c.output.shape.length > 2 ? [out.channels] : [])]).toEqual(c.output.shape)
    expect(sha256(out.data)).toBe(c.output.sha256)
  })
})

describe('geometry', () => {
  type Row = Record<string, number>
  const golden = fixture<{
    shorter_side: Row[]
    centre_crop: Row[]
    keep_ratio: Row[]
    scale_size: [number, number, number, number][]
    efficientvim_resize: Record<string, number>
    vim_resize: Record<string, number>
  }>('geometry')
  const sizeOf = (row: Row) => ({ width: row['width']!, height: row['height']! })

  it('truncates the longer side', () => {
    for (const row of golden.shorter_side) {
      expect(shorterSide(sizeOf(row), row['size']!)).toEqual({ width: row['new_width'], height: row['new_height'] })
    }
  })

  it('keeps the ratio', () => {
    for (const row of golden.keep_ratio) {
      const target = { width: row['target_width']!, height: row['target_height']! }
      expect(keepRatio(sizeOf(row), target, row['longest']!)).toEqual({ width: row['new_width'], height: row['new_height'] })
    }
  })

  it('centres crops and padding', () => {
    for (const row of golden.centre_crop) {
      const left = centreOffset(row['width']!, row['crop_width']!)
      const top = centreOffset(row['height']!, row['crop_height']!)
      expect([Math.max(0, left), Math.max(0, -left), Math.max(0, top), Math.max(0, -top)]).toEqual([
        row['source_x_of_first_pixel'],
        row['pad_left'],
        row['source_y_of_first_pixel'],
        row['pad_top'],
      ])
    }
  })

  it('sizes the image before the crop as each pipeline does', () => {
    const settings = { cropMode: 'center', interpolation: 'bicubic' } as const
    const side = (name: keyof typeof PIPELINES, size: number, cropPct: number) =>
      PIPELINES[name]({ ...settings, cropPct, input: { width: size, height: size } })({ width: 300, height: 300 }).height
    for (const [size, cropPct, floor, int] of golden.scale_size) {
      expect(side('timm-1.0', size, cropPct)).toBe(floor)
      expect(side('timm-0.6', size, cropPct)).toBe(floor)
      expect(side('vim', size, cropPct)).toBe(int)
    }
    for (const [size, expected] of Object.entries(golden.vim_resize)) expect(side('vim', Number(size), 0.875)).toBe(expected)
    for (const [size, expected] of Object.entries(golden.efficientvim_resize))
      expect(side('efficientvim', Number(size), 0.875)).toBe(expected)
  })
})

test('normalization tables equal the reference bit for bit', () => {
  const golden = fixture<{
    mean: [number, number, number]
    std: [number, number, number]
    other_constants: Record<string, unknown>
    to_tensor_then_normalize: Stored
    loader_on_device: Stored
  }>('normalization')
  expect(sha256(normalizeTable(golden.mean, golden.std))).toBe(golden.to_tensor_then_normalize.sha256)
  expect(sha256(normalizeTable(golden.mean, golden.std, 'loader'))).toBe(golden.loader_on_device.sha256)
  expect(golden.other_constants).toEqual({ inception: [INCEPTION_MEAN, INCEPTION_STD], clip: [CLIP_MEAN, CLIP_STD] })
})

describe('evaluation transforms', () => {
  interface Case {
    family: 'mambaout' | 'mambavision' | 'vim' | 'efficientvim'
    config_for: string
    config: {
      input_size: [number, number, number]
      crop_pct?: number
      crop_mode?: CropMode
      interpolation?: FilterName
      eval_crop_ratio?: number
    }
    image: GeneratedImage
    uint8: Stored
    float32_chw: Stored
  }
  const pipelines = { mambaout: 'timm-0.6', mambavision: 'timm-1.0', vim: 'vim', efficientvim: 'efficientvim' } as const
  const { salt, cases } = fixture<{ salt: string; cases: Case[] }>('eval_transforms')

  test.each(cases.map((c) => [`${c.family} ${c.config_for}: ${c.image.name} to ${c.config.input_size}`, c] as const))(
    '%s',
    (_, c) => {
      const cropPct = c.config.crop_pct ?? c.config.eval_crop_ratio
      const config: EvalConfig = {
        pipeline: pipelines[c.family],
        inputSize: c.config.input_size,
        ...(cropPct && { cropPct }),
        ...(c.config.crop_mode && { cropMode: c.config.crop_mode }),
        ...(c.config.interpolation && { interpolation: c.config.interpolation }),
      }
      const image = generate(salt, c.image)
      const planar = evalTransform({ ...config, layout: 'nchw' })
      expect(sha256(planar.pixels(image).data)).toBe(c.uint8.sha256)
      const nchw = planar(image)
      expect(planar.shape).toEqual(c.float32_chw.shape)
      expect(sha256(nchw)).toBe(c.float32_chw.sha256)

      const transform = evalTransform(config)
      const batch = new Float32Array(2 * transform.size)
      transform.into(image, batch, transform.size)
      const [height, width] = transform.shape
      const transposed = new Float32Array(transform.size)
      for (let i = 0; i < width * height; i++)
        for (let ch = 0; ch < 3; ch++) transposed[ch * width * height + i] = batch[transform.size + 3 * i + ch]!
      expect(sha256(transposed)).toBe(c.float32_chw.sha256)
      expect(batch.subarray(0, transform.size).every((v) => v === 0)).toBe(true)
    },
  )
})

describe('mode conversions', () => {
  interface Case {
    mode: Mode
    width: number
    height: number
    palette?: Stored
    input: Stored
    rgb: Stored
    l: Stored
  }
  const { cases } = fixture<{ cases: Case[] }>('modes')
  test.each(cases.map((c, i) => [`${c.mode} (${i})`, c] as const))('%s', (_, c) => {
    const bytes = bytesOf(c.input)
    const data = c.mode === 'I' ? new Int32Array(bytes.buffer) : c.mode === 'F' ? new Float32Array(bytes.buffer) : bytes
    const palette = c.palette && { palette: bytesOf(c.palette) }
    const raster: Raster = { mode: c.mode, width: c.width, height: c.height, data, ...palette }
    expect(sha256(toRgb(raster).data)).toBe(c.rgb.sha256)
    expect(sha256(toGrey(raster).data)).toBe(c.l.sha256)
  })

  test('every hue and saturation', () => {
    const data = new Uint8Array(5 * 65536 * 3)
    for (let i = 0; i < 5 * 65536; i++) data.set([i & 255, (i >> 8) & 255, [1, 64, 127, 200, 255][i >> 16]!], 3 * i)
    const raster: Raster = { mode: 'HSV', width: 256, height: 5 * 256, data }
    expect(sha256(toRgb(raster).data)).toBe(fixture<{ hsv: string }>('variants').hsv)
  })
})
