/** Eight tables, so that eight bytes are folded at a time. */
const TABLES = (() => {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256))
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    ;(tables[0] as Uint32Array)[i] = crc
  }
  const first = tables[0] as Uint32Array
  for (let t = 1; t < 8; t++)
    for (let i = 0; i < 256; i++) {
      const before = (tables[t - 1] as Uint32Array)[i] as number
      ;(tables[t] as Uint32Array)[i] = (before >>> 8) ^ (first[before & 0xff] as number)
    }
  return tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array]
})()

/** CRC-32 of zip archives. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES
  const at = (table: Uint32Array, index: number) => table[index & 0xff] as number
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let crc = 0xffffffff
  let i = 0
  for (; i + 8 <= bytes.length; i += 8) {
    const a = view.getUint32(i, true) ^ crc
    const b = view.getUint32(i + 4, true)
    crc =
      at(t7, a) ^
      at(t6, a >>> 8) ^
      at(t5, a >>> 16) ^
      at(t4, a >>> 24) ^
      at(t3, b) ^
      at(t2, b >>> 8) ^
      at(t1, b >>> 16) ^
      at(t0, b >>> 24)
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ at(t0, crc ^ (bytes[i] as number))
  return (crc ^ 0xffffffff) >>> 0
}
