import type { Orientation } from '@scanline/image'
import { decodeImage, ImageError, orient, readOrientation } from '@scanline/image'
import { describe, expect, test } from 'vitest'
import type { Stored } from './reference.js'
import { bytesOf, fixture, fixtureFile, sha256 } from './reference.js'

interface Case {
  file: string
  expect: 'decode' | 'error'
  format?: string
  mode?: string
  rgb?: Stored
  rgb_high_byte?: Stored
  exif_orientation?: Orientation
  rgb_if_orientation_applied?: Stored
}

const { files } = fixture<{ files: Case[] }>('files')

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0)
}

describe('files decode to the reference pixels', () => {
  test.each(files.filter((c) => c.expect === 'decode').map((c) => [c.file, c] as const))('%s', async (_, c) => {
    const bytes = fixtureFile(c.file)
    const image = await decodeImage(bytes, { grey16: 'clip' })
    expect([image.height, image.width, image.channels]).toEqual(c.rgb!.shape)
    // Every decoder here repeats the reference's integer arithmetic, so the allowed differences are not needed.
    expect(largestDifference(image.data, bytesOf(c.rgb!))).toBe(0)
    if (c.rgb_high_byte) expect(sha256((await decodeImage(bytes)).data)).toBe(c.rgb_high_byte.sha256)
    expect(readOrientation(bytes)).toBe(c.exif_orientation ?? 1)
    if (c.rgb_if_orientation_applied) {
      const upright = orient(image, readOrientation(bytes))
      expect([upright.height, upright.width, 3]).toEqual(c.rgb_if_orientation_applied.shape)
      expect(sha256(upright.data)).toBe(c.rgb_if_orientation_applied.sha256)
    }
  })
})

describe('broken files are refused', () => {
  test.each(files.filter((c) => c.expect === 'error').map((c) => c.file))('%s', async (file) => {
    await expect(decodeImage(fixtureFile(file))).rejects.toThrow(ImageError)
  })
})

describe('variants that the reference files lack equal Pillow', () => {
  interface Variant extends Stored {
    note: string
    width: number
    height: number
    orientation?: Orientation
  }
  const variants = fixture<{ files: Variant[] }>('variants').files
  test.each(variants.map((v) => [v.note, v] as const))('%s', async (_, v) => {
    const image = await decodeImage(bytesOf(v))
    expect(readOrientation(bytesOf(v))).toBe(v.orientation ?? 1)
    expect([image.width, image.height]).toEqual([v.width, v.height])
    expect(sha256(image.data)).toBe(v.sha256)
  })
})
