import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'
import { sizeOf } from '../reference.js'

type Elements = Uint8Array | Int32Array | Float32Array

const bytesOf = (array: Elements): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

interface Difference {
  /** Largest difference of two elements. */
  readonly most: number
  /** Of all elements, or of the samples where the file holds no more. */
  readonly mean: number
  readonly note?: string
}

/**
 * Compares values with `base64`, else with `samples`. Where those agree and the checksum still differs, the difference is
 * somewhere between the samples and of unknown size: Infinity.
 */
export function difference(shape: readonly number[], values: Elements, stored: Field, exact = true): Difference {
  const expected = stored.maybe('shape')?.shape() ?? shape
  if (String(shape) !== String(expected))
    return {
      most: Number.POSITIVE_INFINITY,
      mean: Number.POSITIVE_INFINITY,
      note: `shape [${shape.join(', ')}] instead of [${expected.join(', ')}]`,
    }
  if (sizeOf(shape) !== values.length) throw new Error(`${values.length} values do not fill the shape [${shape.join(', ')}]`)

  const pairs = pairsOf(values, stored)
  let most = 0
  let sum = 0
  for (const [a, b] of pairs) {
    const apart = Math.abs(a - b)
    // NaN must not be lost in a comparison.
    most = Number.isNaN(apart) ? Number.NaN : Math.max(most, apart)
    sum += apart
  }
  const mean = pairs.length > 0 ? sum / pairs.length : 0
  const checksum = exact && most === 0 ? checksumNote(values, stored) : undefined
  return checksum ? { most: Number.POSITIVE_INFINITY, mean, note: checksum } : { most, mean }
}

/** Compares byte for byte (float for float), and adds the check. */
export function checkExact(context: Context, name: string, shape: readonly number[], values: Elements, stored: Field): void {
  const { most, note } = difference(shape, values, stored)
  context.check({ name, error: most, bound: 0, ...(note && { note }) })
}

function pairsOf(values: Elements, stored: Field): [number, number][] {
  const base64 = stored.maybe('base64')
  if (base64) {
    const bytes = base64.bytes()
    if (bytes.length !== values.byteLength) base64.fail(`expected ${values.byteLength} bytes, found ${bytes.length}`)
    const Type = values.constructor as new (buffer: ArrayBuffer) => Elements
    const expected = new Type(bytes.slice().buffer)
    return Array.from(values, (value, i) => [value, expected[i]])
  }
  const samples = stored.maybe('samples')
  if (samples) {
    const step = stored.at('step').count()
    const float = values instanceof Float32Array
    return samples.numbers().map((value, i) => [values[i * step], float ? Math.fround(value) : value])
  }
  if (!stored.has('sha256') && !stored.has('crc32')) stored.fail('needs one of the fields base64, samples, sha256, crc32')
  return []
}

function checksumNote(values: Elements, stored: Field): string | undefined {
  const bytes = bytesOf(values)
  const sha256 = stored.maybe('sha256')?.string()
  if (sha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== sha256) return 'another sha256'
  const crc = stored.maybe('crc32')?.string()
  if (crc !== undefined && crc32(bytes).toString(16).padStart(8, '0') !== crc) return 'another crc32'
  return undefined
}

/** Shape of an image as the files write it: grey images have no axis for their channel. */
export const imageShape = ({ height, width, channels }: { height: number; width: number; channels: number }): number[] =>
  channels === 1 ? [height, width] : [height, width, channels]
