import { corrupt } from '../../errors.js'
import type { ScanBits } from './bits.js'
import { checkOverrun, readBits, readDifference } from './bits.js'
import type { Progression } from './block.js'
import { readAcFirst, readAcRefine, readSequentialAc } from './block.js'
import { blockNeeded, type Component, type Frame } from './frame.js'
import type { HuffmanTable } from './huffman.js'
import { inverseDct } from './idct.js'

/** A component while its scans are read. */
export interface Plane {
  readonly component: Component
  readonly samples: Uint8ClampedArray
  /** Progressive only: all coefficients, block after block. */
  readonly coefficients: Int16Array
  /** Quantization steps, row-major, as they were when the component's first scan began. */
  quant: Uint16Array | undefined
  /** For each coefficient, in file order, the position of the last bit that was read; -1 before the first scan. */
  readonly known: Int8Array
}

export interface ScanComponent {
  readonly plane: Plane
  readonly dc: HuffmanTable | undefined
  readonly ac: HuffmanTable | undefined
}

export interface ScanHeader {
  readonly components: readonly ScanComponent[]
  readonly first: number
  readonly last: number
  /** Successive approximation, high and low. */
  readonly high: number
  readonly low: number
  readonly restartInterval: number
}

type ReadBlock = (component: number, x: number, y: number) => void

/** T.81, B.2.3. */
const MAX_MCU_BLOCKS = 10

/** Reads every block of a scan, in its order, into the planes. */
export function readScan(frame: Frame, header: ScanHeader, bits: ScanBits): void {
  const predicted = new Int32Array(header.components.length)
  const progression = { first: header.first, last: header.last, low: header.low, eobRun: 0 }
  const readBlock = frame.progressive
    ? progressiveReader(header, bits, predicted, progression)
    : sequentialReader(header, bits, predicted)

  let segment = 0
  let left = header.restartInterval
  const nextMcu = () => {
    checkOverrun(bits, segment)
    if (header.restartInterval === 0 || --left > 0) return
    left = header.restartInterval
    segment++
    const start = bits.segments[segment]
    // The last interval of a scan ends without a restart marker; a missing one shows as an overrun.
    if (!start) {
      segment--
      return
    }
    bits.bit = start[0]
    predicted.fill(0)
    progression.eobRun = 0
  }

  if (header.components.length === 1) {
    const { blocksWide, blocksHigh } = header.components[0]!.plane.component
    for (let y = 0; y < blocksHigh; y++) {
      for (let x = 0; x < blocksWide; x++) {
        readBlock(0, x, y)
        nextMcu()
      }
    }
    return
  }
  const shapes = header.components.map((c) => c.plane.component)
  if (shapes.reduce((sum, c) => sum + c.h * c.v, 0) > MAX_MCU_BLOCKS)
    throw corrupt('JPEG', `an MCU has more than ${MAX_MCU_BLOCKS} blocks`)
  for (let my = 0; my < frame.mcusHigh; my++) {
    for (let mx = 0; mx < frame.mcusWide; mx++) {
      for (let c = 0; c < shapes.length; c++) {
        const { h, v } = shapes[c]!
        for (let y = my * v; y < (my + 1) * v; y++) for (let x = mx * h; x < (mx + 1) * h; x++) readBlock(c, x, y)
      }
      nextMcu()
    }
  }
}

function sequentialReader(header: ScanHeader, bits: ScanBits, predicted: Int32Array): ReadBlock {
  const block = new Int16Array(64)
  const parts = header.components.map(({ plane, dc, ac }) => {
    if (plane.known[0] !== -1) throw corrupt('JPEG', 'a component is stored twice')
    plane.known.fill(0)
    return {
      plane,
      needed: plane.component.needed,
      stride: plane.component.stride,
      dc: table(dc),
      ac: table(ac),
      quant: plane.quant!,
    }
  })
  return (c, x, y) => {
    const { plane, needed, stride, dc, ac, quant } = parts[c]!
    block.fill(0)
    block[0] = predicted[c]! += readDifference(bits, dc)
    const flat = readSequentialAc(bits, ac, block)
    if (blockNeeded(needed, x, y)) inverseDct(block, 0, quant, plane.samples, y * 8 * stride + x * 8, stride, flat)
  }
}

function progressiveReader(header: ScanHeader, bits: ScanBits, predicted: Int32Array, progression: Progression): ReadBlock {
  const { first, last, high, low, components } = header
  if (last > 63 || first > last || low > 13 || (first === 0) !== (last === 0) || (first > 0 && components.length > 1)) {
    throw corrupt('JPEG', `a scan has the band ${first} to ${last}`)
  }
  for (const { plane } of components) {
    for (let k = first; k <= last; k++) {
      if (plane.known[k] !== (high === 0 ? -1 : high) || (high > 0 && low !== high - 1)) {
        throw corrupt('JPEG', `a scan brings bit ${low} of coefficient ${k} out of turn`)
      }
      plane.known[k] = low
    }
  }
  const perRow = components.map(({ plane }) => plane.component.stride >> 3)
  const offsetOf = (c: number, x: number, y: number) => (y * perRow[c]! + x) * 64
  if (first === 0 && high === 0) {
    const tables = components.map(({ dc }) => table(dc))
    return (c, x, y) => {
      const dc = (predicted[c]! += readDifference(bits, tables[c]!))
      components[c]!.plane.coefficients[offsetOf(c, x, y)] = dc << low
    }
  }
  if (first === 0) {
    return (c, x, y) => {
      if (readBits(bits, 1)) components[c]!.plane.coefficients[offsetOf(c, x, y)]! |= 1 << low
    }
  }
  const { coefficients } = components[0]!.plane
  const ac = table(components[0]!.ac)
  const read = high === 0 ? readAcFirst : readAcRefine
  return (c, x, y) => read(bits, ac, progression, coefficients, offsetOf(c, x, y))
}

function table(t: HuffmanTable | undefined): HuffmanTable {
  if (!t) throw corrupt('JPEG', 'a scan uses a Huffman table that is not in the file')
  return t
}

/** Turns the coefficients of a progressive image into samples, once all scans are read. */
export function reconstruct(plane: Plane): void {
  const { coefficients, samples, quant } = plane
  const { stride, blocksWide, blocksHigh, needed } = plane.component
  for (let y = 0; y < blocksHigh; y++) {
    for (let x = 0; x < blocksWide; x++) {
      if (blockNeeded(needed, x, y))
        inverseDct(coefficients, (y * (stride >> 3) + x) * 64, quant!, samples, y * 8 * stride + x * 8, stride, false)
    }
  }
}
