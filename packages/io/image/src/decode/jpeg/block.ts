import { corrupt } from '../../errors.js'
import type { ScanBits } from './bits.js'
import { extend, peek, readBits, readSymbol } from './bits.js'
import type { HuffmanTable } from './huffman.js'
import { longCode } from './huffman.js'
import { ZIGZAG } from './zigzag.js'

/** Decodes the AC coefficients of a sequential block (T.81, F.2.2.2) into `block`, row-major. Returns whether all are zero. */
export function readSequentialAc(bits: ScanBits, table: HuffmanTable, block: Int16Array): boolean {
  const { data } = bits
  const { fast } = table
  let bit = bits.bit
  let k = 1
  while (k < 64) {
    let window = peek(data, bit)
    let entry = fast[window >>> 23]!
    if (entry === 0) {
      entry = longCode(table, window)
      bit += entry & 255
      window = peek(data, bit)
    } else {
      bit += entry & 255
      window <<= entry & 255
    }
    const size = (entry >> 8) & 15
    const run = entry >> 12
    if (size === 0) {
      if (run !== 15) break
      k += 16
      continue
    }
    k += run
    if (k > 63) throw corrupt('JPEG', 'a block has more than 64 coefficients')
    block[ZIGZAG[k]!] = extend(window >>> (32 - size), size)
    bit += size
    k++
  }
  bits.bit = bit
  return k === 1
}

/** What a progressive scan carries from block to block. */
export interface Progression {
  /** Band of coefficients, in file order. */
  readonly first: number
  readonly last: number
  /** Successive approximation: position of the bit that this scan brings. */
  readonly low: number
  /** Blocks still covered by an end-of-band code. */
  eobRun: number
}

/** T.81, G.1.2.2. */
export function readAcFirst(
  bits: ScanBits,
  table: HuffmanTable,
  scan: Progression,
  coefficients: Int16Array,
  offset: number,
): void {
  if (scan.eobRun > 0) {
    scan.eobRun--
    return
  }
  for (let k = scan.first; k <= scan.last; k++) {
    const symbol = readSymbol(bits, table)
    const run = symbol >> 4
    const size = symbol & 15
    if (size === 0) {
      if (run < 15) {
        scan.eobRun = (1 << run) - 1 + readBits(bits, run)
        return
      }
      k += 15
      continue
    }
    k += run
    if (k > scan.last) throw corrupt('JPEG', 'a coefficient lies outside its band')
    coefficients[offset + ZIGZAG[k]!] = extend(readBits(bits, size), size) << scan.low
  }
}

/** T.81, G.1.2.3: one more bit for what is known, new coefficients among the zeros. */
export function readAcRefine(
  bits: ScanBits,
  table: HuffmanTable,
  scan: Progression,
  coefficients: Int16Array,
  offset: number,
): void {
  const plus = 1 << scan.low
  let k = scan.first
  if (scan.eobRun === 0) {
    while (k <= scan.last) {
      const symbol = readSymbol(bits, table)
      let run = symbol >> 4
      let value = 0
      if ((symbol & 15) !== 0) {
        value = readBits(bits, 1) ? plus : -plus
      } else if (run < 15) {
        scan.eobRun = (1 << run) + readBits(bits, run)
        break
      }
      for (; k <= scan.last; k++) {
        const at = offset + ZIGZAG[k]!
        if (coefficients[at] !== 0) refine(bits, coefficients, at, plus)
        else if (run-- === 0) break
      }
      if (value !== 0) {
        if (k > scan.last) throw corrupt('JPEG', 'a coefficient lies outside its band')
        coefficients[offset + ZIGZAG[k]!] = value
      }
      k++
    }
  }
  if (scan.eobRun > 0) {
    for (; k <= scan.last; k++) {
      const at = offset + ZIGZAG[k]!
      if (coefficients[at] !== 0) refine(bits, coefficients, at, plus)
    }
    scan.eobRun--
  }
}

function refine(bits: ScanBits, coefficients: Int16Array, at: number, plus: number): void {
  if (!readBits(bits, 1)) return
  const value = coefficients[at]!
  if ((value & plus) === 0) coefficients[at] = value > 0 ? value + plus : value - plus
}
