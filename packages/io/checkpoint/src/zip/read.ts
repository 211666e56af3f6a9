import { Inflate } from 'fflate'
import { CheckpointError, type CheckpointErrorCode, quote } from '../errors.js'
import { assertKeyLength } from '../limits.js'
import { type ByteSource, readExactly } from '../source.js'

/*
 * A reader of its own: weights are fetched entry by entry from a source that may be a file of many GB or a Blob, which needs the
 * entries' offsets, and two readings of one archive must not be possible. Only the central directory counts; what the local
 * headers add is their own length. Checksums are not looked at, as the reference reader does not, and some writers leave them out.
 */

const END = 0x06054b50
const END_LENGTH = 22
const ZIP64_END = 0x06064b50
const ZIP64_LOCATOR = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const MAX_COMMENT = 0xffff
/** Central directory limit in bytes: some 900 000 entries. */
const MAX_DIRECTORY = 64 * 2 ** 20
/** Deflate cannot do better than this. */
const MAX_RATIO = 1032
/** A deflated entry is inflated in memory. */
const MAX_INFLATED = 2 ** 30

export interface ZipEntry {
  readonly name: string
  /** Bytes of the content. */
  readonly size: number
  /** Bytes `[offset, offset + length)` of the content. A deflated entry is inflated whole for each call. */
  read(offset: number, length: number): Promise<Uint8Array>
}

const broken = (problem: string, code: CheckpointErrorCode = 'InvalidZip'): never => {
  throw new CheckpointError(code, `zip archive: ${problem}`)
}

/** Lists the entries of a zip archive by name. */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { count, offset, size } = await findDirectory(source)
  if (size > MAX_DIRECTORY) broken(`a directory of ${size} bytes; the limit is ${MAX_DIRECTORY}`, 'LimitExceeded')
  if (count * 46 > size) broken(`${count} entries cannot be listed in ${size} bytes`)
  const directory = await readExactly(source, offset, size, 'zip directory')
  const entries = new Map<string, ZipEntry>()
  const ranges: { name: string; start: number; end: number }[] = []
  const view = viewOf(directory)
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== CENTRAL) broken(`entry ${i} of ${count} is not where it should be`)
    const next = at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (next > size) broken(`entry ${i} of ${count} reaches past the directory`)
    const entry = parseEntry(directory.subarray(at, next))
    const { name } = entry
    assertKeyLength(name, 'an entry name')
    if (entries.has(name)) broken(`two entries are named ${quote(name)}`)
    const end = entry.localOffset + 30 + entry.nameLength + entry.packed
    if (end > offset) broken(`entry ${quote(name)} reaches past the data of the archive`)
    ranges.push({ name, start: entry.localOffset, end })
    entries.set(name, { name, size: entry.size, read: reader(source, entry, offset) })
    at = next
  }
  ranges.sort((a, b) => a.start - b.start)
  ranges.forEach((range, i) => {
    const next = ranges[i + 1]
    if (next && range.end > next.start) broken(`entries ${quote(range.name)} and ${quote(next.name)} overlap`)
  })
  return entries
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

function safe(value: bigint, what: string): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : broken(`${what} is ${value}`)
}

async function findDirectory(source: ByteSource): Promise<{ count: number; offset: number; size: number }> {
  const tailStart = Math.max(0, source.size - END_LENGTH - MAX_COMMENT)
  const tail = await readExactly(source, tailStart, source.size - tailStart, 'end of the zip archive')
  const view = viewOf(tail)
  let at = tail.length - END_LENGTH
  // The comment must end where the file does: it may itself hold something that looks like an end record.
  while (at >= 0 && !(view.getUint32(at, true) === END && at + END_LENGTH + view.getUint16(at + 20, true) === tail.length)) at--
  if (at < 0) return broken('the end record is missing; the file was cut off: fetch it again', 'Truncated')
  const end = tailStart + at
  if (view.getUint16(at + 4, true) !== 0 || view.getUint16(at + 6, true) !== 0)
    broken('it is split over several files, which is not supported')
  const plain = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  }
  if (view.getUint16(at + 8, true) !== plain.count) broken('its two counts of entries differ')
  const directory = (await findZip64(source, end)) ?? { ...plain, end }
  if (directory.offset + directory.size > directory.end)
    broken(`its directory, ${directory.size} bytes at ${directory.offset}, reaches past its end record at ${directory.end}`)
  return directory
}

async function findZip64(
  source: ByteSource,
  end: number,
): Promise<{ count: number; offset: number; size: number; end: number } | undefined> {
  if (end < 20) return undefined
  const locator = viewOf(await readExactly(source, end - 20, 20, 'zip64 locator'))
  if (locator.getUint32(0, true) !== ZIP64_LOCATOR) return undefined
  const at = safe(locator.getBigUint64(8, true), 'the offset of the zip64 end record')
  if (at + 56 > end - 20) broken('the zip64 end record is not where it should be')
  const record = viewOf(await readExactly(source, at, 56, 'zip64 end record'))
  if (record.getUint32(0, true) !== ZIP64_END) broken('the zip64 end record is not where it should be')
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0)
    broken('it is split over several files, which is not supported')
  const count = safe(record.getBigUint64(32, true), 'the count of entries')
  if (record.getBigUint64(24, true) !== BigInt(count)) broken('its two counts of entries differ')
  return {
    count,
    size: safe(record.getBigUint64(40, true), 'the size of the directory'),
    offset: safe(record.getBigUint64(48, true), 'the offset of the directory'),
    end: at,
  }
}

interface Entry {
  name: string
  nameLength: number
  deflated: boolean
  packed: number
  size: number
  localOffset: number
}

function parseEntry(record: Uint8Array): Entry {
  const view = viewOf(record)
  const nameLength = view.getUint16(28, true)
  const name = decodeName(record.subarray(46, 46 + nameLength))
  const flags = view.getUint16(8, true)
  const method = view.getUint16(10, true)
  // Bits 0, 6 and 13: encryption in its three forms.
  if (flags & 0x2041) broken(`entry ${quote(name)} is encrypted`)
  if (method !== 0 && method !== 8)
    broken(
      `entry ${quote(name)} is compressed by method ${method}; PyTorch stores entries as they are: extract and save it again`,
    )
  const wide = zip64Fields(record.subarray(46 + nameLength, 46 + nameLength + view.getUint16(30, true)), name)
  const field = (at: number) =>
    view.getUint32(at, true) === 0xffffffff ? wide(`a field of entry ${quote(name)}`) : view.getUint32(at, true)
  // In this order: the extra field holds those that are too large for the record.
  const size = field(24)
  const packed = field(20)
  const localOffset = field(42)
  const deflated = method === 8
  if (!deflated && packed !== size) broken(`entry ${quote(name)} is stored, but its two sizes are ${packed} and ${size}`)
  if (deflated && size > packed * MAX_RATIO) broken(`entry ${quote(name)} claims to inflate ${packed} bytes to ${size}`)
  if (deflated && size > MAX_INFLATED)
    broken(`entry ${quote(name)} inflates to ${size} bytes; the limit is ${MAX_INFLATED}`, 'LimitExceeded')
  return { name, nameLength, deflated, packed, size, localOffset }
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return broken('an entry name is not UTF-8')
  }
}

/** Hands out the 64-bit values of extra field 1, one after the other. */
function zip64Fields(extra: Uint8Array, name: string): (what: string) => number {
  const view = viewOf(extra)
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true)
    if (end > extra.length) return broken(`the extra field of entry ${quote(name)} reaches past its record`)
    if (view.getUint16(at, true) === 1) {
      let next = at + 4
      return (what) => {
        if (next + 8 > end) return broken(`${what} is missing in its zip64 extra field`)
        next += 8
        return safe(view.getBigUint64(next - 8, true), what)
      }
    }
    at = end
  }
  return (what) => broken(`${what} is missing: there is no zip64 extra field`)
}

function reader(source: ByteSource, entry: Entry, directoryOffset: number): ZipEntry['read'] {
  let dataStart: Promise<number> | undefined
  return async (offset, length) => {
    const start = await (dataStart ??= findData(source, entry, directoryOffset))
    if (offset + length > entry.size)
      broken(`bytes ${offset} to ${offset + length} of entry ${quote(entry.name)}, which has ${entry.size}`)
    if (!entry.deflated) return readExactly(source, start + offset, length, `entry ${quote(entry.name)}`)
    const packed = await readExactly(source, start, entry.packed, `entry ${quote(entry.name)}`)
    return inflate(packed, entry).subarray(offset, offset + length)
  }
}

async function findData(source: ByteSource, entry: Entry, directoryOffset: number): Promise<number> {
  const header = await readExactly(source, entry.localOffset, 30 + entry.nameLength, `local header of entry ${quote(entry.name)}`)
  const view = viewOf(header)
  const matches =
    view.getUint32(0, true) === LOCAL &&
    view.getUint16(26, true) === entry.nameLength &&
    decodeName(header.subarray(30)) === entry.name
  if (!matches) return broken(`the local header of entry ${quote(entry.name)} does not match the directory`)
  const start = entry.localOffset + 30 + entry.nameLength + view.getUint16(28, true)
  return start + entry.packed <= directoryOffset
    ? start
    : broken(`entry ${quote(entry.name)} reaches past the data of the archive`)
}

function inflate(packed: Uint8Array, entry: Entry): Uint8Array {
  const out = new Uint8Array(entry.size)
  let filled = 0
  const inflater = new Inflate((chunk) => {
    if (chunk.length > out.length - filled)
      broken(`entry ${quote(entry.name)} inflates to more than the ${entry.size} bytes it announces`)
    out.set(chunk, filled)
    filled += chunk.length
  })
  const step = 1 << 16
  try {
    for (let at = 0; at < packed.length || at === 0; at += step)
      inflater.push(packed.subarray(at, at + step), at + step >= packed.length)
  } catch (error) {
    throw error instanceof CheckpointError
      ? error
      : new CheckpointError('InvalidZip', `zip archive: entry ${quote(entry.name)} cannot be inflated`, { cause: error })
  }
  return filled === out.length ? out : broken(`entry ${quote(entry.name)} inflates to ${filled} bytes instead of ${entry.size}`)
}
