import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Image } from '@scanline/image'

/** Reads a reference file; the generators below follow its `readme`. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T
}

export function fixtureFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/files/${name}`, import.meta.url)))
}

export interface Stored {
  readonly shape: readonly number[]
  readonly base64?: string
  readonly sha256: string
  readonly step?: number
  readonly samples?: readonly number[]
}

export function sha256(data: Uint8Array | Int32Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')
}

export function bytesOf(stored: Stored): Uint8Array {
  return new Uint8Array(Buffer.from(stored.base64!, 'base64'))
}

export interface GeneratedImage {
  readonly name: string
  readonly kind: 'noise' | 'scene'
  readonly width: number
  readonly height: number
  readonly channels: number
}

/** Random words of a name: the rule of every file's `readme`. */
function words(salt: string, name: string): (i: number) => number {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${salt}:${name}`)) seed = Math.imul(seed ^ byte, 0x01000193)
  return (i) => {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0
    x ^= x >>> 16
    x = Math.imul(x, 0x7feb352d)
    x ^= x >>> 15
    x = Math.imul(x, 0x846ca68b)
    x ^= x >>> 16
    return x >>> 0
  }
}

function noise(salt: string, name: string): (i: number) => number {
  const at = words(salt, name)
  return (i) => at(i) >>> 24
}

/** Values in (-1, 1) of an input of that name. */
export function fill(salt: string, name: string, length: number): Float32Array {
  const at = words(salt, name)
  return Float32Array.from({ length }, (_, i) => (at(i) + 0.5) / 2 ** 31 - 1)
}

export function generate(salt: string, { name, kind, width, height, channels }: GeneratedImage): Image {
  const data = new Uint8Array(width * height * channels)
  const at = noise(salt, name)
  if (kind === 'noise') {
    for (let i = 0; i < data.length; i++) data[i] = at(i)
    return { width, height, channels, data }
  }
  const div = (a: number, b: number) => Math.floor(a / b)
  const radius = div(Math.min(width, height), 4)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let r = div(255 * x, Math.max(1, width - 1))
      let g = div(255 * y, Math.max(1, height - 1))
      let b = div(255 * (x + y), Math.max(1, width + height - 2))
      if ((x - div(width, 3)) ** 2 + (y - div(height, 3)) ** 2 < radius ** 2) [r, g, b] = [255 - r, b, 40]
      if (x >= div(width, 2) && y >= div(height, 2) && (x + 2 * y) % 7 < 3) [r, g, b] = [g, 255 - b, 200]
      if (Math.abs(x * height - y * width) < Math.max(width, height)) [r, g, b] = [20, 20, 20]
      for (const v of [r, g, b]) {
        data[i] = Math.min(255, Math.max(0, v + (at(i) & 15) - 8))
        i++
      }
    }
  }
  return { width, height, channels, data }
}
