import { deflateRawSync, crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesSource, CheckpointError, openCheckpoint, toFloat32 } from '../src/index.js'
import { crc32 } from '../src/zip/crc32.js'
import { readZip } from '../src/zip/read.js'
import { ZipWriter } from '../src/zip/write.js'
import { pickleBytes, storage, tensor, zipOf } from './archive.js'
import { sparseSource } from './sparse.js'

const GiB = 2 ** 30
const concat = (parts: Iterable<Uint8Array>) => new Uint8Array(Buffer.concat([...parts]))
const codeOf = (bytes: Uint8Array) =>
  openCheckpoint(bytesSource(bytes)).then(
    () => 'ok',
    (e: CheckpointError) => e.code,
  )
const data = (text: string) => Buffer.from(text)

/** Local header, data, and directory record of an entry with any fields; -1 in a 32-bit field sends it to the zip64 extra. */
function rawEntry(
  name: string,
  content: Uint8Array,
  offset: number,
  fields: { size?: number; packed?: number; method?: number; flags?: number; localName?: string; wide?: boolean } = {},
) {
  const { size = content.length, packed = content.length, method = 0, flags = 0, wide = false } = fields
  const localName = data(fields.localName ?? name)
  const local = Buffer.alloc(30 + localName.length)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(localName.length, 26)
  local.set(localName, 30)
  const extra = Buffer.alloc(wide ? 28 : 0)
  if (wide) {
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(24, 2)
    for (const [i, value] of [size, packed, offset].entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i)
  }
  const record = Buffer.alloc(46)
  record.writeUInt32LE(0x02014b50, 0)
  record.writeUInt16LE(flags, 8)
  record.writeUInt16LE(method, 10)
  for (const [at, value] of [
    [20, packed],
    [24, size],
    [42, offset],
  ] as const)
    record.writeUInt32LE(wide ? 0xffffffff : value, at)
  record.writeUInt16LE(name.length, 28)
  record.writeUInt16LE(extra.length, 30)
  return { local: concat([local, content]), record: concat([record, data(name), extra]) }
}

function endRecord(count: number, size: number, offset: number, comment = ''): Uint8Array {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return concat([end, Buffer.from(comment, 'latin1')])
}

/** An archive of one entry. */
function single(...args: Parameters<typeof rawEntry>): Uint8Array {
  const { local, record } = rawEntry(...args)
  return concat([local, record, endRecord(1, record.length, local.length)])
}

it('crc32 is that of zlib', () => {
  // The check value of the CRC catalogue.
  expect(crc32(data('123456789'))).toBe(0xcbf43926)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(crc32(bytes)).toBe(zlibCrc32(bytes))
    }),
  )
})

describe('reading', () => {
  it('finds what was written, at multiples of 64', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 80 })), fc.uint8Array(), async (names, bytes) => {
        const archive = zipOf(Object.fromEntries(names.map((name) => [`a/${name}`, bytes])))
        const entries = await readZip(bytesSource(archive))
        expect([...entries.keys()].sort()).toEqual(names.map((name) => `a/${name}`).sort())
        for (const entry of entries.values()) {
          const content = await entry.read(0, entry.size)
          expect(content).toEqual(bytes)
          expect(content.byteOffset % 64).toBe(0)
        }
      }),
    )
  })

  it('inflates deflated entries', async () => {
    const content = data('abc'.repeat(10_000))
    const entries = await readZip(bytesSource(single('a/x', deflateRawSync(content), 0, { size: content.length, method: 8 })))
    expect(Buffer.from((await entries.get('a/x')?.read(3, 6)) as Uint8Array).toString()).toBe('abcabc')
  })

  it.each<[string, Uint8Array, RegExp]>([
    [
      'inflates to more than it announces',
      single('a/x', deflateRawSync(data('a'.repeat(9999))), 0, { size: 5000, method: 8 }),
      /more than the 5000/,
    ],
    [
      'inflates to less',
      single('a/x', deflateRawSync(data('a'.repeat(9999))), 0, { size: 10_000, method: 8 }),
      /9999 bytes instead/,
    ],
    [
      'is cut off',
      single('a/x', deflateRawSync(data('a'.repeat(9999))).subarray(0, -4), 0, { size: 9999, method: 8 }),
      /cannot be inflated|instead of/,
    ],
    ['is no deflate stream', single('a/x', data('\xff\xff\xff\xff'), 0, { size: 9, method: 8 }), /cannot be inflated/],
    ['has another local name', single('a/x', data('hi'), 0, { localName: 'a/y' }), /does not match/],
    [
      'has a local extra field that reaches past the data',
      single('a/x', data('hi'), 0).map((b, i) => (i === 28 ? 200 : b)),
      /reaches past/,
    ],
  ])('an entry that %s is refused when it is read', async (_, archive, message) => {
    const entry = (await readZip(bytesSource(archive))).get('a/x')
    await expect(entry?.read(0, entry.size)).rejects.toThrow(message)
    await expect(entry?.read(0, 1)).rejects.toBeInstanceOf(CheckpointError)
  })

  it.each<[string, Uint8Array]>([
    ['encrypted', single('a/x', data('hi'), 0, { flags: 1 })],
    ['of another method', single('a/x', data('hi'), 0, { method: 12 })],
    ['stored with two sizes', single('a/x', data('hi'), 0, { size: 3 })],
    ['inflated beyond what deflate can do', single('a/x', data('hi'), 0, { size: 1e6, method: 8 })],
    ['past the end', single('a/x', data('hi'), 1000)],
    ['past the end in 64 bits', single('a/x', data('hi'), 2 ** 52, { wide: true })],
  ])('an entry %s is refused', async (_, archive) => {
    await expect(readZip(bytesSource(archive))).rejects.toMatchObject({ code: 'InvalidZip' })
  })

  it('refuses entries that overlap', async () => {
    const { local, record } = rawEntry('a/x', data('hello'), 0)
    const other = rawEntry('a/y', data('hello'), 0).record
    await expect(
      readZip(bytesSource(concat([local, record, other, endRecord(2, record.length + other.length, local.length)]))),
    ).rejects.toThrow(/overlap/)
  })

  it('takes the end record that ends with the file, not one in a comment', async () => {
    const { local, record } = rawEntry('a/x', data('hi'), 0)
    const fake = Buffer.from(endRecord(0, 0, 0)).toString('latin1')
    const archive = (comment: string) => bytesSource(concat([local, record, endRecord(1, record.length, local.length, comment)]))
    expect((await readZip(archive(`${fake} and more`))).size).toBe(1)
    expect((await readZip(archive('x'.repeat(65_535)))).size).toBe(1)
    await expect(
      readZip(bytesSource(concat([local, record, endRecord(1, record.length, local.length), data('trailing')]))),
    ).rejects.toMatchObject({ code: 'Truncated' })
  })
})

describe('beyond 4 GiB', () => {
  it('reads entries and the directory through zip64, and nothing in between', async () => {
    const zip = new ZipWriter(5 * GiB)
    const archive = concat([...zip.entry('a/x', data('far away')), zip.end()])
    const source = sparseSource(5 * GiB + archive.length, { [5 * GiB]: archive })
    const entry = (await readZip(source)).get('a/x')
    expect(Buffer.from((await entry?.read(0, 3)) as Uint8Array).toString()).toBe('far')
    expect(source.bytesRead).toBeLessThan(70_000)
  })

  it('lists a tensor of 6 GiB and reads its end', async () => {
    const size = 6 * GiB
    const elements = size / 4
    const opcodes = pickleBytes(0x80, 2, tensor(storage('FloatStorage', '0', elements), elements - 2, [2], [1]), '.')
    const pickle = rawEntry('a/data.pkl', opcodes, 0)
    const weights = rawEntry('a/data/0', new Uint8Array(0), pickle.local.length, { size, packed: size, wide: true })
    const dataStart = pickle.local.length + weights.local.length
    const zip64 = Buffer.alloc(56 + 20)
    zip64.writeUInt32LE(0x06064b50, 0)
    const directory = concat([pickle.record, weights.record])
    for (const [at, value] of [
      [24, 2],
      [32, 2],
      [40, directory.length],
      [48, dataStart + size],
      [64, dataStart + size + directory.length],
    ] as const)
      zip64.writeBigUInt64LE(BigInt(value), at)
    zip64.writeUInt32LE(0x07064b50, 56)
    const tail = concat([new Uint8Array(new Float32Array([1, 2]).buffer), directory, zip64, endRecord(2, 0xffffffff, 0xffffffff)])
    const source = sparseSource(dataStart + size - 8 + tail.length, {
      0: concat([pickle.local, weights.local]),
      [dataStart + size - 8]: tail,
    })
    const { tensors } = await openCheckpoint(source)
    expect(toFloat32((await tensors.get('')?.read()) as Uint8Array, 'f32')).toEqual(Float32Array.of(1, 2))
    expect(source.bytesRead).toBeLessThan(70_000)
  })

  it('counts more entries than 16 bits hold', async () => {
    const zip = new ZipWriter()
    const none = new Uint8Array(0)
    const chunks = Array.from({ length: 66_000 }, (_, i) => [...zip.entry(`a/${i}`, none)]).flat()
    expect((await readZip(bytesSource(concat([...chunks, zip.end()])))).size).toBe(66_000)
  })
})

describe('archives that are no checkpoints', () => {
  const pickle = pickleBytes(0x80, 2, 'N.')
  it.each<[string, Record<string, Uint8Array | string>]>([
    ['InvalidArchive', { 'a/data.pkl': pickle, 'b/data.pkl': pickle }],
    ['InvalidArchive', { 'data.pkl': pickle }],
    ['InvalidArchive', { '/data.pkl': pickle }],
    ['InvalidArchive', { 'a/b/data.pkl': pickle }],
    ['InvalidArchive', { 'a/data.pkl': pickle, 'a/b/data.pkl': pickle }],
    ['InvalidArchive', { 'a/data.pkl': pickle, 'a/byteorder': 'middle' }],
    ['TorchScript', { 'a/data.pkl': pickle, 'a/code/x.py': '' }],
    ['TorchScript', { 'a/data.pkl': pickle, 'a/constants.pkl': '' }],
    [
      'ok',
      {
        'a/data.pkl': pickle,
        'a/byteorder': 'little\n',
        'a/version': '3\n',
        'a/.data/serialization_id': '1',
        'a/.format_version': '1',
      },
    ],
  ])('%s', async (code, entries) => {
    expect(await codeOf(zipOf(entries))).toBe(code)
  })

  it('an empty archive', async () => {
    expect(await codeOf(zipOf({}))).toBe('InvalidArchive')
  })
})
