import { readdirSync } from 'node:fs'
import { decodeImage, encodePng, ImageError, readOrientation } from '@scanline/image'
import fc from 'fast-check'
import { zlibSync } from 'fflate'
import { describe, expect, it, test } from 'vitest'
import { crc32 } from '../src/decode/crc32.js'
import { fixtureFile } from './reference.js'

const names = readdirSync(new URL('fixtures/files', import.meta.url)).sort()

async function errorOf(bytes: Uint8Array, options = {}): Promise<ImageError> {
  const error = await decodeImage(bytes, options).then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(ImageError)
  return error as ImageError
}

const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))

function pngOf(width: number, height: number, depth: number, colourType: number, compressed: Uint8Array): Uint8Array {
  const header = new Uint8Array(13)
  new DataView(header.buffer).setUint32(0, width)
  new DataView(header.buffer).setUint32(4, height)
  header.set([depth, colourType], 8)
  const chunk = (type: string, body: Uint8Array) => {
    const out = new Uint8Array(12 + body.length)
    new DataView(out.buffer).setUint32(0, body.length)
    out.set(latin1(type), 4)
    out.set(body, 8)
    new DataView(out.buffer).setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)))
    return out
  }
  const parts = [latin1('\x89PNG\r\n\x1a\n'), chunk('IHDR', header), chunk('IDAT', compressed), chunk('IEND', new Uint8Array(0))]
  return new Uint8Array(Buffer.concat(parts))
}

describe('damaged files decode or throw an ImageError, and nothing else', () => {
  test.each(names)('%s', async (name) => {
    const bytes = fixtureFile(name)
    // Every damaged WebP costs a new instance of the codec.
    const numRuns = name.endsWith('.webp') ? 25 : 150
    const index = fc.nat({ max: Math.max(0, bytes.length - 1) })
    const damage = async (damaged: Uint8Array) => {
      readOrientation(damaged)
      await decodeImage(damaged).catch((e: unknown) => {
        if (!(e instanceof ImageError)) throw e
      })
    }
    await fc.assert(
      fc.asyncProperty(index, fc.nat({ max: 255 }), async (i, value) => {
        const damaged = bytes.slice()
        if (i < damaged.length) damaged[i] = value
        await damage(damaged)
      }),
      { numRuns },
    )
    await fc.assert(
      fc.asyncProperty(index, (i) => damage(bytes.slice(0, i))),
      { numRuns },
    )
  })
})

it('reports every cut of a JPEG as truncated or unknown', async () => {
  for (const name of ['jpeg_420.jpg', 'jpeg_progressive.jpg', 'jpeg_cmyk_smooth.jpg']) {
    const bytes = fixtureFile(name)
    for (let length = 0; length < bytes.length; length++) {
      expect((await errorOf(bytes.subarray(0, length))).code).toBe(length < 3 ? 'unknown-format' : 'truncated')
    }
  }
})

it('does not deliver what is cut off and closed with an end marker', async () => {
  const bytes = fixtureFile('jpeg_420.jpg')
  const cut = new Uint8Array([...bytes.subarray(0, bytes.length - 200), 0xff, 0xd9])
  expect((await errorOf(cut)).message).toContain('a marker stands where image data is missing')
})

it('checks the size that is declared before anything else', async () => {
  const jpeg = fixtureFile('jpeg_420.jpg').slice()
  const frame = jpeg.findIndex((b, i) => b === 0xff && jpeg[i + 1] === 0xc0)
  jpeg.set([0xff, 0xdc, 0xff, 0xdc], frame + 5)
  expect((await errorOf(jpeg)).code).toBe('too-large')
  // Below the limit, but a block costs a bit: so few bytes cannot hold so much.
  jpeg.set([0x20, 0, 0x20, 0], frame + 5)
  expect((await errorOf(jpeg)).message).toContain('cannot hold 8192 x 8192 pixels')

  const few = zlibSync(new Uint8Array(100))
  expect((await errorOf(pngOf(100_000, 100_000, 8, 2, few))).code).toBe('too-large')
  expect((await errorOf(pngOf(2 ** 31, 1, 1, 0, few))).code).toBe('too-large')
  expect((await errorOf(pngOf(10_000, 10_000, 8, 2, few))).message).toContain('cannot hold 10000 x 10000 pixels')
  expect((await errorOf(latin1('P6 100000 100000 255\n'))).code).toBe('too-large')
  expect((await errorOf(latin1('P6 99999999999 1 255\n'))).code).toBe('corrupt')
  const bmp = fixtureFile('bmp_24.bmp').slice()
  new DataView(bmp.buffer).setInt32(18, 2 ** 30, true)
  expect((await errorOf(bmp)).code).toBe('too-large')
  expect((await errorOf(fixtureFile('webp_lossless.webp'), { maxPixels: 1000 })).message).toMatch(
    /37 x 29 .* limit of 1000 pixels.* raise maxPixels/,
  )
})

it('inflates no further than the declared size', async () => {
  const bomb = zlibSync(new Uint8Array(60_000_000))
  const before = process.memoryUsage().arrayBuffers
  const image = await decodeImage(pngOf(10, 10, 8, 2, bomb))
  expect(image.data.every((v) => v === 0)).toBe(true)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
})

it('tells what is wrong and what to do', async () => {
  const png = fixtureFile('png_rgb8.png')
  expect(await errorOf(latin1('hello, world'))).toMatchObject({
    code: 'unknown-format',
    message: expect.stringContaining('Check that the path or URL'),
  })
  expect(await errorOf(latin1('GIF89a..........'))).toMatchObject({
    code: 'unsupported',
    message: 'This is a file of type GIF. Convert it to JPEG, PNG, WebP, BMP or PPM first.',
  })
  expect(await errorOf(new Uint8Array())).toMatchObject({
    code: 'unknown-format',
    message: expect.stringContaining('file is empty'),
  })
  const damaged = png.slice()
  damaged[60]! ^= 1
  expect(await errorOf(damaged)).toMatchObject({
    code: 'corrupt',
    message: expect.stringMatching(/chunk IDAT at byte \d+ has a wrong checksum/),
  })
  expect(await errorOf(fixtureFile('png_truncated.png'))).toMatchObject({
    code: 'truncated',
    message: expect.stringContaining('cut off'),
  })
  expect(await errorOf(fixtureFile('webp_lossy.webp').subarray(0, 300))).toMatchObject({ code: 'truncated' })
})

it('decodes a file that lies inside a larger buffer', async () => {
  for (const name of ['jpeg_420.jpg', 'png_rgb8.png', 'webp_lossless.webp', 'bmp_24.bmp']) {
    const bytes = fixtureFile(name)
    const larger = new Uint8Array(bytes.length + 20).fill(0xaa)
    larger.set(bytes, 7)
    const image = await decodeImage(larger.subarray(7, 7 + bytes.length))
    expect(image.data).toEqual((await decodeImage(bytes)).data)
  }
})

it('still decodes WebP after a damaged one', async () => {
  const bytes = fixtureFile('webp_lossless.webp')
  const damaged = bytes.slice().fill(0x55, 40, 200)
  await errorOf(damaged)
  expect((await decodeImage(bytes)).width).toBe(37)
})

it('refuses to encode data of another length', () => {
  expect(() => encodePng({ width: 2, height: 2, channels: 3, data: new Uint8Array(11) })).toThrow(ImageError)
})
