import { crop, decodeImage, type Image, type Rectangle, type Size, trainTransform } from '@scanline/image'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { drawsOf } from './draws.js'
import { fixtureFile } from './reference.js'

const cut = (image: Image, { left, top, width, height }: Rectangle) => crop(image, left, top, width, height).data

const names = [
  'jpeg_1x1',
  'jpeg_420',
  'jpeg_422',
  'jpeg_444',
  'jpeg_cmyk',
  'jpeg_grey',
  'jpeg_odd_420',
  'jpeg_progressive',
  'jpeg_progressive_444',
]

describe('a window of a JPEG has the pixels of the whole', () => {
  test.each(names)('%s', async (name) => {
    const file = fixtureFile(`${name}.jpg`)
    const whole = await decodeImage(file)
    const side = (size: number) => fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.integer({ min: 1, max: size }))
    await fc.assert(
      fc.asyncProperty(side(whole.width), side(whole.height), async ([left, w], [top, h]) => {
        const part = { left, top, width: Math.min(w, whole.width - left), height: Math.min(h, whole.height - top) }
        const sizes: Size[] = []
        const image = await decodeImage(file, {
          window: (size) => {
            sizes.push(size)
            return part
          },
        })
        expect(sizes).toEqual([{ width: whole.width, height: whole.height }])
        expect([image.width, image.height]).toEqual([whole.width, whole.height])
        expect(cut(image, part)).toEqual(cut(whole, part))
      }),
      { numRuns: 40 },
    )
  })
})

it('other formats do not ask', async () => {
  const asked: Size[] = []
  const file = fixtureFile('png_rgb8.png')
  const image = await decodeImage(file, {
    window: (size) => {
      asked.push(size)
      return { left: 0, top: 0, width: 1, height: 1 }
    },
  })
  expect(asked).toEqual([])
  expect(image).toEqual(await decodeImage(file))
})

it.each([
  [{ left: 0, top: 0, width: 0, height: 1 }],
  [{ left: -1, top: 0, width: 2, height: 1 }],
  [{ left: 0.5, top: 0, width: 1, height: 1 }],
  [{ left: 0, top: 0, width: 1, height: 1000 }],
])('the window %j is refused', async (window) => {
  await expect(decodeImage(fixtureFile('jpeg_420.jpg'), { window: () => window })).rejects.toMatchObject({ code: 'argument' })
})

it('a transform gives the same with the rectangle drawn before decoding', async () => {
  const file = fixtureFile('jpeg_420.jpg')
  const transform = trainTransform({ inputSize: [3, 16, 16], autoAugment: 'rand-m9-mstd0.5-inc1', interpolation: 'random' })
  const whole = await decodeImage(file)
  for (let seed = 0; seed < 20; seed++) {
    const draws = drawsOf(seed)
    let rectangle: Rectangle | undefined
    const part = await decodeImage(file, {
      window: (size) => {
        rectangle = transform.rectangle(size, draws)
        return rectangle
      },
    })
    expect(transform.pixels(part, draws, rectangle)).toEqual(transform.pixels(whole, drawsOf(seed)))
  }
})
