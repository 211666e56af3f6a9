import type { Draws, GeometricOptions, Image, OperationName } from '@scanline/image'
import {
  adjustBrightness,
  adjustColor,
  adjustContrast,
  adjustHue,
  autoContrast,
  crop,
  equalize,
  gaussianBlur,
  horizontalFlip,
  ImageError,
  OPERATIONS,
  parseRandAugment,
  randomErasing,
  randomRectangle,
  reflectPad,
  resizedCrop,
  rotate,
  solarize,
  toGrey,
  toRgb,
  trainTransform,
} from '@scanline/image'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { drawsOf, replay, type WrittenDraw } from './draws.js'
import type { GeneratedImage, Stored } from './reference.js'
import { fill, fixture, generate, sha256 } from './reference.js'

type Source = GeneratedImage | { constant: number[]; width: number; height: number }
interface OperationCase {
  op: string
  image: Source
  halved_plus_30?: boolean
  argument: number | [number, number] | null
  filter?: 'bilinear' | 'bicubic'
  fill?: number[]
  output: Stored
}

const others: Record<string, (image: Image, argument: never, options: GeometricOptions) => Image> = {
  'rotate degrees': (image, argument: number, options) => rotate(image, argument, options),
  'equalize of a constant image': equalize,
  'autocontrast of a constant image': autoContrast,
  adjust_brightness: (image, argument: number) => adjustBrightness(image, argument),
  adjust_contrast: (image, argument: number) => adjustContrast(image, argument),
  adjust_saturation: (image, argument: number) => adjustColor(image, argument),
  adjust_hue: (image, argument: number) => adjustHue(image, argument),
  'grayscale to 3 channels': (image) => toRgb(toGrey(image)),
  solarize: (image, argument: number) => solarize(image, argument),
  gaussian_blur: (image, argument: number) => gaussianBlur(image, argument),
  'horizontal flip': horizontalFlip,
  'reflect pad 4 then crop': (image, [top, left]: [number, number]) =>
    crop(reflectPad(image, 4), left, top, image.width, image.height),
}

function source(salt: string, image: Source): Image {
  if (!('constant' in image)) return generate(salt, image)
  const { constant, width, height } = image
  return { width, height, channels: 3, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => constant[i % 3]!) }
}

describe('augmentation operations equal Pillow', () => {
  const { salt, levels, cases } = fixture<{
    salt: string
    levels: [OperationName, number, boolean, number][]
    cases: OperationCase[]
  }>('augment_ops')

  it('levels mean the same arguments', () => {
    for (const [name, level, negated, argument] of levels)
      expect(OPERATIONS[name].argument(level, negated ? -1 : 1) - argument, `${name} ${level} ${negated}`).toBe(0)
  })

  test.each(cases.map((c, i) => [`${i} ${c.op} ${c.argument ?? ''} ${c.filter ?? ''}`, c] as const))('%s', (_, c) => {
    const made = source(salt, c.image)
    const image = c.halved_plus_30 ? { ...made, data: made.data.map((v) => (v >> 1) + 30) } : made
    const options = { ...(c.filter && { filter: c.filter }), ...(c.fill && { fill: c.fill }) }
    const before = sha256(image.data)
    const out = Object.hasOwn(OPERATIONS, c.op)
      ? OPERATIONS[c.op as OperationName].apply(image, (c.argument ?? 0) as number, options)
      : others[c.op]!(image, c.argument as never, options)
    expect([out.height, out.width, out.channels]).toEqual(c.output.shape)
    expect(sha256(out.data)).toBe(c.output.sha256)
    expect(sha256(image.data), 'the input is left alone').toBe(before)
  })
})

test('operations equal Pillow on images of any size, down to one pixel', () => {
  const variants = fixture<{ salt: string; fill: number[]; cases: (Omit<OperationCase, 'output'> & { sha256: string })[] }>(
    'augment_variants',
  )
  for (const { op, image, argument = 0, filter, sha256: expected } of variants.cases) {
    const options = { ...(filter && { filter }), fill: variants.fill }
    const made = source(variants.salt, image)
    const out = Object.hasOwn(OPERATIONS, op)
      ? OPERATIONS[op as OperationName].apply(made, argument as number, options)
      : others[op]!(made, argument as never, options)
    expect(sha256(out.data), `${op} ${argument} ${filter} ${image.width}x${image.height}`).toBe(expected)
  }
})

describe('random crops', () => {
  interface RectangleCase {
    width: number
    height: number
    scale: [number, number]
    ratio: [number, number]
    draws: WrittenDraw[]
    top: number
    left: number
    crop_height: number
    crop_width: number
  }
  const golden = fixture<{ rectangles: RectangleCase[] }>('random_crop')

  it('rectangles equal the reference', () => {
    for (const c of golden.rectangles) {
      const draws = replay(c.draws)
      expect(randomRectangle(c, draws, c)).toEqual({ top: c.top, left: c.left, width: c.crop_width, height: c.crop_height })
      expect(draws.left).toBe(0)
    }
  })

  it('a rectangle is never empty and lies inside, whatever the image and the draws', () => {
    const side = fc.integer({ min: 1, max: 3000 })
    fc.assert(
      fc.property(side, side, fc.integer({ min: 0, max: 2 ** 30 }), (width, height, seed) => {
        const r = randomRectangle({ width, height }, drawsOf(seed))
        expect(Math.min(r.width, r.height)).toBeGreaterThan(0)
        expect(Math.min(r.left, r.top)).toBeGreaterThanOrEqual(0)
        expect(r.left + r.width).toBeLessThanOrEqual(width)
        expect(r.top + r.height).toBeLessThanOrEqual(height)
      }),
    )
  })
})

describe('training transforms', () => {
  interface TransformCase {
    image: GeneratedImage
    args: { size: number; auto_augment: string; interpolation: 'bicubic' | 'random'; re_prob: number }
    draws: WrittenDraw[]
    after_crop: Stored
    after_flip: Stored
    after_randaugment: Stored
    float32_chw: Stored
  }
  const { salt, cases, parse } = fixture<{ salt: string; cases: TransformCase[]; parse: Record<string, unknown>[] }>(
    'train_transforms',
  )

  it('configuration strings mean the same', () => {
    for (const row of parse) {
      const config = parseRandAugment(row['string'] as string)
      const std = config.magnitudeStd === Number.POSITIVE_INFINITY ? 'inf' : config.magnitudeStd
      expect(config, row['string'] as string).toMatchObject({
        operations: row['operations'],
        layers: row['layers'],
        probability: row['probability'],
        magnitude: row['magnitude'],
      })
      expect([std, config.magnitudeMax ?? null]).toEqual([row['magnitude_std'], row['magnitude_max']])
    }
  })

  test.each(cases.map((c, i) => [i, c] as const))('trace %i', (_, c) => {
    const image = generate(salt, c.image)
    const config = {
      inputSize: [3, c.args.size, c.args.size],
      layout: 'nchw',
      interpolation: c.args.interpolation,
      autoAugment: c.args.auto_augment,
      erasing: { probability: c.args.re_prob },
    } as const
    const { operations } = parseRandAugment(config.autoAugment)
    const noise = (values: Float32Array) => values.set(fill(salt, 'pixels', values.length))
    const draws = () => replay(c.draws, { operations, noise })

    const forCrop = draws()
    const rectangle = randomRectangle(image, forCrop)
    const filter = config.interpolation === 'bicubic' || forCrop.choice(2) === 1 ? 'bicubic' : 'bilinear'
    expect(sha256(resizedCrop(image, rectangle, { width: 32, height: 32 }, filter).data)).toBe(c.after_crop.sha256)

    const { autoAugment, ...plain } = config
    expect(sha256(trainTransform(plain).pixels(image, draws()).data)).toBe(c.after_flip.sha256)
    const transform = trainTransform(config)
    expect(sha256(transform.pixels(image, draws()).data)).toBe(c.after_randaugment.sha256)

    const all = draws()
    const values = new Float32Array(transform.size)
    transform.into(image, all, values)
    expect(sha256(values)).toBe(c.float32_chw.sha256)
    expect(all.left).toBe(0)
  })

  it('both layouts hold the same values', () => {
    const image = generate(salt, { name: 'any', kind: 'scene', width: 50, height: 40, channels: 3 })
    const config = { inputSize: [3, 16, 20], autoAugment: 'rand-m9-mstd0.5-inc1', erasing: { probability: 1 } } as const
    const size = 3 * 16 * 20
    const [last, first] = [new Float32Array(size), new Float32Array(size)]
    trainTransform(config).into(image, drawsOf(5), last)
    trainTransform({ ...config, layout: 'nchw' }).into(image, drawsOf(5), first)
    for (let i = 0; i < 320; i++) for (let c = 0; c < 3; c++) expect(first[c * 320 + i]).toBe(last[i * 3 + c])
  })

  it('three-augment and colour jitter give images of the right size from any image', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 0, max: 2 ** 30 }),
        fc.constantFrom('padded' as const, undefined),
        (width, height, seed, cropKind) => {
          const image = generate('g1', { name: 'three', kind: 'noise', width, height, channels: 3 })
          const transform = trainTransform({
            inputSize: [3, 16, 16],
            autoAugment: 'three-augment',
            colourJitter: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
            ...(cropKind && { crop: cropKind }),
          })
          const out = transform.pixels(image, drawsOf(seed))
          expect([out.width, out.height, out.data.length]).toEqual([16, 16, 768])
          expect(sha256(transform.pixels(image, drawsOf(seed)).data)).toBe(sha256(out.data))
        },
      ),
      { numRuns: 30 },
    )
  })

  it('finish after pixels gives what into gives', () => {
    const image = generate(salt, { name: 'any', kind: 'scene', width: 50, height: 40, channels: 3 })
    const transform = trainTransform({ inputSize: [3, 16, 16], erasing: { probability: 1 } })
    const [whole, halves] = [new Float32Array(transform.size), new Float32Array(transform.size + 7)]
    transform.into(image, drawsOf(9), whole)
    const draws = drawsOf(9)
    transform.finish(transform.pixels(image, draws).data, draws, halves, 7)
    expect(halves.subarray(7)).toEqual(whole)
  })

  it.each([
    [{ inputSize: [3, 16, 16], autoAugment: 'original-m9' } as const, 'rand-m9-mstd0.5-inc1'],
    [{ inputSize: [3, 16, 16], autoAugment: 'rand-m9-x3' } as const, '"x3"'],
    [{ inputSize: [3, 16, 0] } as const, 'whole pixels'],
    [{ inputSize: [1, 16, 16] } as const, '[3, height, width]'],
    [{ inputSize: [3, 16, 16], flip: 2 } as const, 'probability'],
    [{ inputSize: [3, 16, 16], crop: { scale: [0, 1] } } as const, 'scale'],
  ])('%j is refused', (config, part) => {
    expect(() => trainTransform(config)).toThrow(ImageError)
    expect(() => trainTransform(config)).toThrow(part)
  })
})

describe('random erasing', () => {
  interface ErasingCase {
    args: { probability: number; mode: 'pixel' | 'rand' | 'const'; max_count: number }
    draws: WrittenDraw[]
    output: number[]
  }
  const { salt, shape, cases } = fixture<{ salt: string; shape: [number, number, number]; cases: ErasingCase[] }>(
    'random_erasing',
  )
  const [channels, height, width] = shape

  test.each(cases.map((c, i) => [`${i} ${c.args.mode}`, c] as const))('%s', (_, c) => {
    const noise = (values: Float32Array, k: number) => values.set(fill(salt, `pixels.${k + 1}`, values.length))
    const draws: Draws = replay(c.draws, { noise })
    const values = fill(salt, 'input', channels * height * width)
    const { probability, mode, max_count: maxCount } = c.args
    randomErasing(values, { channels, height, width, layout: 'nchw' }, draws, { probability, mode, maxCount })
    expect(values).toEqual(Float32Array.from(c.output))
  })
})

it('draws from a generator are a function of its seed', () => {
  const image = generate('g1', { name: 'seeded', kind: 'scene', width: 64, height: 48, channels: 3 })
  const transform = trainTransform({ inputSize: [3, 24, 24], autoAugment: 'rand-m9-mstd0.5-inc1', interpolation: 'random' })
  const digests = [1, 2, 3, 1].map((seed) => sha256(transform.pixels(image, drawsOf(seed)).data))
  expect(digests[3]).toBe(digests[0])
  expect(new Set(digests).size).toBe(3)
})
