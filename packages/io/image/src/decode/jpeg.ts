import { corrupt, truncated } from '../errors.js'
import type { Raster } from '../types.js'
import { readScanBits } from './jpeg/bits.js'
import type { ColourModel } from './jpeg/colour.js'
import { joinRows } from './jpeg/colour.js'
import type { Frame } from './jpeg/frame.js'
import { readFrame } from './jpeg/frame.js'
import type { HuffmanTable } from './jpeg/huffman.js'
import { huffmanTable } from './jpeg/huffman.js'
import type { Plane, ScanHeader } from './jpeg/scan.js'
import { readScan, reconstruct } from './jpeg/scan.js'
import { rowReader } from './jpeg/upsample.js'
import { ZIGZAG } from './jpeg/zigzag.js'
import type { DecodeOptions } from './options.js'

/** Everything that segments before a scan have set up. */
interface Tables {
  readonly quant: (Uint16Array | undefined)[]
  readonly dc: (HuffmanTable | undefined)[]
  readonly ac: (HuffmanTable | undefined)[]
  restartInterval: number
  jfif: boolean
  adobeTransform: number | undefined
}

/**
 * Decodes a baseline, extended or progressive Huffman-coded JPEG of 8 bits with the integer arithmetic of libjpeg, so that grey and colour
 * images equal Pillow's byte for byte. Mode `L`, `RGB` or `CMYK` (ink not inverted any more).
 *
 * Stricter than libjpeg on purpose: missing data is an error where libjpeg fills in grey.
 */
export function decodeJpeg(bytes: Uint8Array, options: DecodeOptions): Raster {
  const tables: Tables = { quant: [], dc: [], ac: [], restartInterval: 0, jfif: false, adobeTransform: undefined }
  let frame: Frame | undefined
  let planes: Plane[] = []
  let pos = 2
  for (;;) {
    while (pos < bytes.length && !(bytes[pos] === 0xff && bytes[pos + 1] !== 0xff && bytes[pos + 1] !== 0)) pos++
    if (pos + 2 > bytes.length) throw truncated('JPEG', `no end marker in ${bytes.length} bytes`)
    const marker = bytes[pos + 1]!
    pos += 2
    if (marker === 0xd9) break
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue
    const length = pos + 2 <= bytes.length ? (bytes[pos]! << 8) | bytes[pos + 1]! : 2
    if (length < 2) throw corrupt('JPEG', `a segment at byte ${pos} has ${length} bytes`)
    if (pos + Math.max(length, 3) > bytes.length)
      throw truncated('JPEG', `a segment at byte ${pos} goes past the last of ${bytes.length} bytes`)
    const body = bytes.subarray(pos + 2, pos + length)
    pos += length

    if (marker === 0xc4) readHuffmanTables(body, tables)
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
      if (frame) throw corrupt('JPEG', 'it has two frames')
      frame = readFrame(marker - 0xc0, body, bytes.length - pos, options)
      planes = allocate(frame)
    } else if (marker === 0xda) {
      if (!frame) throw corrupt('JPEG', 'a scan stands before the frame header')
      const header = readScanHeader(body, planes, tables)
      const bits = readScanBits(bytes, pos)
      readScan(frame, header, bits)
      pos = bits.next
    } else if (marker === 0xdb) readQuantTables(body, tables)
    else if (marker === 0xdd) tables.restartInterval = ((body[0] ?? 0) << 8) | (body[1] ?? 0)
    else if (marker === 0xe0) tables.jfif ||= isText(body, 'JFIF\0')
    else if (marker === 0xee && isText(body, 'Adobe') && body.length >= 12) tables.adobeTransform = body[11]
  }
  if (!frame) throw truncated('JPEG', 'no frame header')
  for (const plane of planes) {
    if (plane.known[0] === -1) throw truncated('JPEG', 'not all components are there')
    if (frame.progressive) reconstruct(plane)
  }
  const whole = frame
  return joinRows(
    frame,
    colourModel(frame, tables),
    planes.map((plane) => rowReader(whole, plane)),
  )
}

function allocate(frame: Frame): Plane[] {
  return frame.components.map((component) => {
    const size = component.stride * component.rows
    return {
      component,
      samples: new Uint8ClampedArray(size),
      coefficients: new Int16Array(frame.progressive ? size : 0),
      quant: undefined,
      known: new Int8Array(64).fill(-1),
    }
  })
}

function readQuantTables(body: Uint8Array, tables: Tables): void {
  for (let pos = 0; pos < body.length; ) {
    const wide = body[pos]! >> 4
    const id = body[pos]! & 15
    pos++
    if (wide > 1 || id > 3 || pos + 64 * (wide + 1) > body.length)
      throw corrupt('JPEG', 'a quantization table is not well formed')
    const quant = new Uint16Array(64)
    for (let k = 0; k < 64; k++) {
      quant[ZIGZAG[k]!] = wide ? (body[pos]! << 8) | body[pos + 1]! : body[pos]!
      pos += wide + 1
    }
    tables.quant[id] = quant
  }
}

function readHuffmanTables(body: Uint8Array, tables: Tables): void {
  for (let pos = 0; pos < body.length; ) {
    const kind = body[pos]! >> 4
    const id = body[pos]! & 15
    const counts = body.subarray(pos + 1, pos + 17)
    const total = counts.reduce((sum, n) => sum + n, 0)
    pos += 17
    if (kind > 1 || id > 3 || total > 256 || pos + total > body.length)
      throw corrupt('JPEG', 'a Huffman table is not well formed')
    tables[kind === 0 ? 'dc' : 'ac'][id] = huffmanTable(counts, body.subarray(pos, pos + total))
    pos += total
  }
}

function readScanHeader(body: Uint8Array, planes: readonly Plane[], tables: Tables): ScanHeader {
  const count = body[0] ?? 0
  if (count < 1 || count > 4 || body.length < 4 + 2 * count) throw corrupt('JPEG', 'a scan header is not well formed')
  const components = Array.from({ length: count }, (_, i) => {
    const id = body[1 + 2 * i]!
    const selectors = body[2 + 2 * i]!
    const plane = planes.find((p) => p.component.id === id)
    if (!plane) throw corrupt('JPEG', `a scan has component ${id}, which the frame has not`)
    plane.quant ??= tables.quant[plane.component.quantId]
    if (!plane.quant) throw corrupt('JPEG', 'a quantization table is missing')
    return { plane, dc: tables.dc[selectors >> 4], ac: tables.ac[selectors & 15] }
  })
  if (new Set(components.map((c) => c.plane)).size < count) throw corrupt('JPEG', 'a scan has one component twice')
  const [first, last, approximation] = body.subarray(1 + 2 * count) as unknown as [number, number, number]
  return { components, first, last, high: approximation >> 4, low: approximation & 15, restartInterval: tables.restartInterval }
}

/** libjpeg's rules: JFIF means YCbCr, else the Adobe marker decides, else the component numbers. */
function colourModel(frame: Frame, { jfif, adobeTransform }: Tables): ColourModel {
  const ids = frame.components.map((c) => c.id)
  if (ids.length === 1) return 'grey'
  if (ids.length === 4) return adobeTransform === undefined || adobeTransform === 0 ? 'cmyk' : 'ycck'
  if (jfif) return 'ycc'
  if (adobeTransform !== undefined) return adobeTransform === 0 ? 'rgb' : 'ycc'
  return String.fromCharCode(...ids) === 'RGB' ? 'rgb' : 'ycc'
}

function isText(body: Uint8Array, text: string): boolean {
  return [...text].every((c, i) => body[i] === c.charCodeAt(0))
}
