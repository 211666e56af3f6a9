import { decodeImage, type Image, ImageError, type Orientation, orient, readOrientation } from '@scanline/image'
import type { Field } from '../field.js'
import { readBeside } from '../files.js'
import type { Context, Kind } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, difference } from '../preprocessing/stored.js'

/** Image files in the folder `files` beside the reference file, with their pixels, and broken ones. */
export const imageFiles: Kind = {
  name: 'image files',
  matches: (file) => isPreprocessing(file, 'files', 'file', 'expect'),
  run: async (file, context) => {
    for (const [i, entry] of file.at('files').list().entries()) {
      const name = `files[${i}] ${entry.at('file').string()}`
      const bytes = readBeside(context.path, entry.at('file'))
      const decodes = entry.at('expect').oneOf('decode', 'error') === 'decode'
      await context.part(name, () => (decodes ? checkPixels(context, name, bytes, entry) : checkRefused(context, name, bytes)))
    }
  },
}

const shapeOf = ({ height, width, channels }: Image): number[] => [height, width, channels]

async function checkPixels(context: Context, name: string, bytes: Uint8Array, entry: Field): Promise<void> {
  // The stored 16-bit grey pixels are clipped, as the reference did; high bytes are in a field of their own.
  const image = await decodeImage(bytes, { grey16: 'clip' })
  const bounds = {
    most: entry.maybe('max_difference_allowed')?.number() ?? 0,
    mean: entry.maybe('mean_difference_allowed')?.number() ?? 0,
  }
  const { most, mean, note } = difference(shapeOf(image), image.data, entry.at('rgb'), bounds.most === 0)
  context.check({ name, error: most, bound: bounds.most, ...(note && { note }) })
  if (bounds.most > 0) context.check({ name: `${name}, mean`, error: mean, bound: bounds.mean })

  const highByte = entry.maybe('rgb_high_byte')
  if (highByte) {
    const scaled = await decodeImage(bytes)
    checkExact(context, `${name}, high byte`, shapeOf(scaled), scaled.data, highByte)
  }
  const orientation = entry.maybe('exif_orientation')?.number() ?? 1
  const found = readOrientation(bytes)
  if (entry.has('exif_orientation') || found !== 1)
    context.check({ name: `${name}, EXIF orientation`, error: Math.abs(found - orientation), bound: 0 })
  const upright = entry.maybe('rgb_if_orientation_applied')
  if (upright) {
    const turned = orient(image, orientation as Orientation)
    const apart = difference(shapeOf(turned), turned.data, upright, bounds.most === 0)
    context.check({ name: `${name}, upright`, error: apart.most, bound: bounds.most, ...(apart.note && { note: apart.note }) })
  }
}

async function checkRefused(context: Context, name: string, bytes: Uint8Array): Promise<void> {
  try {
    await decodeImage(bytes)
    context.check({ name, error: 1, bound: 0, note: 'was decoded, but must be refused' })
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    context.check({ name, error: 0, bound: 0, note: `refused: ${error.message}` })
  }
}
