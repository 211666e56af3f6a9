import type { ByteSource } from '../src/index.js'

/** A file of `size` bytes that are zero but for some pieces, and how many bytes of it were read. */
export function sparseSource(size: number, pieces: Record<number, Uint8Array>): ByteSource & { bytesRead: number } {
  return {
    size,
    bytesRead: 0,
    async read(offset, length) {
      this.bytesRead += length
      const out = new Uint8Array(length)
      for (const [key, piece] of Object.entries(pieces)) {
        const from = Math.max(Number(key), offset)
        const to = Math.min(Number(key) + piece.length, offset + length)
        if (from < to) out.set(piece.subarray(from - Number(key), to - Number(key)), from - offset)
      }
      return out
    },
  }
}
