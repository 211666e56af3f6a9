import { corrupt, truncated } from '../../errors.js'
import type { HuffmanTable } from './huffman.js'
import { longCode } from './huffman.js'

/**
 * Zero bytes after the data, more than one MCU can ask for (10 blocks of 64 coefficients of 31 bits), so that reading needs no bounds check:
 * {@link checkOverrun} is called once an MCU.
 */
const PADDING = 4096

/** A bit position is an int32. */
const MAX_SCAN_BYTES = 2 ** 28 - PADDING

/** The entropy-coded data of one scan without its stuffed zeros, and the place of the next bit. */
export interface ScanBits {
  readonly data: Uint8Array
  bit: number
  /** First bit and end of each stretch between restart markers. */
  readonly segments: readonly (readonly [start: number, end: number])[]
  /** Offset in the file of the marker that ends the scan. */
  readonly next: number
}

/** Collects the entropy-coded bytes from `start` up to the next marker that is no restart. */
export function readScanBits(bytes: Uint8Array, start: number): ScanBits {
  const parts: Uint8Array[] = []
  const segments: [number, number][] = []
  let length = 0
  let segmentStart = 0
  let expected = 0
  let from = start
  for (;;) {
    const at = bytes.indexOf(0xff, from)
    let after = at + 1
    while (at >= 0 && bytes[after] === 0xff) after++
    if (at < 0 || after >= bytes.length) throw truncated('JPEG', `no marker after the scan at byte ${start}`)
    const marker = bytes[after]!
    const end = marker === 0 ? at + 1 : at
    parts.push(bytes.subarray(from, end))
    length += end - from
    from = after + 1
    if (marker === 0) continue
    segments.push([segmentStart * 8, length * 8])
    segmentStart = length
    const restart = marker - 0xd0
    if (restart < 0 || restart > 7) {
      if (length > MAX_SCAN_BYTES) throw corrupt('JPEG', `one scan has ${length} bytes`)
      const data = new Uint8Array(length + PADDING)
      let offset = 0
      for (const part of parts) {
        data.set(part, offset)
        offset += part.length
      }
      return { data, bit: 0, segments, next: at }
    }
    if (restart !== expected) throw corrupt('JPEG', `restart marker ${restart} stands where ${expected} should`)
    expected = (expected + 1) & 7
  }
}

/** Throws when more bits were used than the segment has. */
export function checkOverrun(bits: ScanBits, segment: number): void {
  if (bits.bit > bits.segments[segment]![1]) {
    throw truncated('JPEG', 'a marker stands where image data is missing')
  }
}

/** The next 25 bits or more, at the top of an int32. */
export function peek(data: Uint8Array, bit: number): number {
  const i = bit >> 3
  return ((data[i]! << 24) | (data[i + 1]! << 16) | (data[i + 2]! << 8) | data[i + 3]!) << (bit & 7)
}

export function readBits(bits: ScanBits, count: number): number {
  if (count === 0) return 0
  const value = peek(bits.data, bits.bit) >>> (32 - count)
  bits.bit += count
  return value
}

export function readSymbol(bits: ScanBits, table: HuffmanTable): number {
  const window = peek(bits.data, bits.bit)
  const entry = table.fast[window >>> 23]! || longCode(table, window)
  bits.bit += entry & 255
  return entry >> 8
}

/** A signed value of `size` bits (T.81, figure F.12). */
export function extend(value: number, size: number): number {
  return value < 1 << (size - 1) ? value - (1 << size) + 1 : value
}

/** Reads a difference of DC values. */
export function readDifference(bits: ScanBits, table: HuffmanTable): number {
  const size = readSymbol(bits, table)
  if (size === 0) return 0
  if (size > 15) throw corrupt('JPEG', `a DC difference of ${size} bits`)
  return extend(readBits(bits, size), size)
}
