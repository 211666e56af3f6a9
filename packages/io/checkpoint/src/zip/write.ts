import { crc32 } from './crc32.js'

const MAX32 = 0xffffffff
const MAX16 = 0xffff
/** Bit 11: names are UTF-8. */
const FLAGS = 0x0800
/** 1 January 1980: a file depends on its content only. */
const DATE = 0x0021
/** Extra field of the reference writer, filled with Z. */
const PADDING_ID = 0x4246
const utf8 = new TextEncoder()

interface Written {
  readonly name: Uint8Array
  readonly crc: number
  readonly size: number
  readonly offset: number
}

/** Writes stored entries as chunks, in the form of PyTorch's archives: data starts at multiples of 64 bytes. */
export class ZipWriter {
  private readonly entries: Written[] = []
  private position: number

  /** @param position bytes before the archive's first */
  constructor(position = 0) {
    this.position = position
  }

  /** The chunks of one entry. */
  *entry(name: string, data: Uint8Array): Generator<Uint8Array> {
    const entry = { name: utf8.encode(name), crc: crc32(data), size: data.length, offset: this.position }
    this.entries.push(entry)
    const header = localHeader(entry)
    this.position += header.length + data.length
    yield header
    yield data
  }

  /** The directory and the end records; the last chunk. */
  end(): Uint8Array {
    return endOf(this.entries, this.position)
  }
}

/** The fields that local header and directory share. */
function common(wide: boolean, { name, crc, size }: Written, extraLength: number): number[][] {
  const size32 = wide ? MAX32 : size
  return [u16(wide ? 45 : 20, FLAGS, 0, 0, DATE), u32(crc, size32, size32), u16(name.length, extraLength)]
}

function localHeader(entry: Written): Uint8Array {
  const wide = entry.size >= MAX32
  const zip64 = wide ? [...u16(1, 16), ...u64(entry.size, entry.size)] : []
  const unpadded = entry.offset + 30 + entry.name.length + zip64.length + 4
  const padding = (64 - (unpadded % 64)) % 64
  const extra = [...zip64, ...u16(PADDING_ID, padding), ...new Array<number>(padding).fill(0x5a)]
  return concat([u32(0x04034b50), ...common(wide, entry, extra.length), entry.name, extra])
}

function directoryRecord(entry: Written): Uint8Array {
  const wide = entry.size >= MAX32
  const far = entry.offset >= MAX32
  const fields = [...(wide ? u64(entry.size, entry.size) : []), ...(far ? u64(entry.offset) : [])]
  const extra = fields.length > 0 ? [...u16(1, fields.length), ...fields] : []
  return concat([
    u32(0x02014b50),
    u16(wide || far ? 45 : 20),
    ...common(wide, entry, extra.length),
    u16(0, 0, 0),
    u32(0, far ? MAX32 : entry.offset),
    entry.name,
    extra,
  ])
}

function endOf(entries: readonly Written[], offset: number): Uint8Array {
  const directory = concat(entries.map(directoryRecord))
  const count = entries.length
  const size = directory.length
  const wide = count >= MAX16 || size >= MAX32 || offset >= MAX32
  const zip64 = wide
    ? [
        ...u32(0x06064b50),
        ...u64(44),
        ...u16(45, 45),
        ...u32(0, 0),
        ...u64(count, count, size, offset),
        ...u32(0x07064b50, 0),
        ...u64(offset + size),
        ...u32(1),
      ]
    : []
  const count16 = wide ? MAX16 : count
  return concat([
    directory,
    zip64,
    u32(0x06054b50),
    u16(0, 0, count16, count16),
    u32(wide ? MAX32 : size, wide ? MAX32 : offset),
    u16(0),
  ])
}

const littleEndian = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256)
const u16 = (...values: number[]) => values.flatMap((v) => littleEndian(v, 2))
const u32 = (...values: number[]) => values.flatMap((v) => littleEndian(v, 4))
const u64 = (...values: number[]) => values.flatMap((v) => littleEndian(v, 8))

function concat(parts: readonly ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
