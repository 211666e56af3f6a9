import { corrupt } from '../../errors.js'

/** Codes up to this long are found with one look-up. */
const FAST_BITS = 9

/** Decoding table of one Huffman code (ITU T.81, annexes C and F.2.2.3). An entry is `symbol << 8 | length`, 0 for no code. */
export interface HuffmanTable {
  readonly fast: Int32Array
  /** For each length, the first left-aligned 16-bit code that is too large for it. */
  readonly limit: Int32Array
  /** For each length, what to add to a code of it for an index into `symbols`. */
  readonly shift: Int32Array
  readonly symbols: Uint8Array
}

/** `counts[i]` codes of length `i + 1`, their symbols in order. */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const fast = new Int32Array(1 << FAST_BITS)
  const limit = new Int32Array(17)
  const shift = new Int32Array(17)
  let code = 0
  let index = 0
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1]!
    shift[length] = index - code
    for (let i = 0; i < count && length <= FAST_BITS; i++) {
      const from = (code + i) << (FAST_BITS - length)
      fast.fill((symbols[index + i]! << 8) | length, from, from + (1 << (FAST_BITS - length)))
    }
    index += count
    code += count
    if (code > 1 << length) throw corrupt('JPEG', 'a Huffman table has more codes than fit')
    limit[length] = code << (16 - length)
    code <<= 1
  }
  return { fast, limit, shift, symbols }
}

/** The entry for the code at the top of `window`, which is longer than `FAST_BITS`. */
export function longCode(table: HuffmanTable, window: number): number {
  const top = window >>> 16
  for (let length = FAST_BITS + 1; length <= 16; length++) {
    if (top < table.limit[length]!) return (table.symbols[(top >>> (16 - length)) + table.shift[length]!]! << 8) | length
  }
  throw corrupt('JPEG', 'a code is in no Huffman table')
}
