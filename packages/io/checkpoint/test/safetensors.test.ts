import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  byteLengthOf,
  bytesSource,
  CheckpointError,
  DTYPES,
  type DType,
  openCheckpoint,
  openSafetensors,
  tensorData,
  writeSafetensors,
} from '../src/index.js'
import { collect, readEverything } from './fixtures.js'

/** A file of the header text and `dataLength` zeros. */
function file(header: string, dataLength = 0): Uint8Array {
  const json = new TextEncoder().encode(header)
  const bytes = new Uint8Array(8 + json.length + dataLength)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const codeOf = (header: string, dataLength = 0) =>
  openSafetensors(bytesSource(file(header, dataLength))).then(
    () => 'ok',
    (error: unknown) => (error instanceof CheckpointError ? error.code : error),
  )

const names = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '', '\u0000', '"\\', '\uffff', '\u{10000}'),
)
const tensors = fc.uniqueArray(
  fc.record({
    name: names,
    dtype: fc.constantFrom(...DTYPES.filter((t) => t !== 'c128')),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  }),
  { selector: (t) => t.name, maxLength: 8 },
)

describe('safetensors', () => {
  it('what is written is read: any names, types, shapes and metadata', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, fc.dictionary(names, names), fc.infiniteStream(fc.nat(255)), async (list, metadata, noise) => {
        const fits = list.filter((t) => t.name !== '__metadata__' && byteLengthOf(t.dtype, t.shape) !== undefined)
        const data = fits.map(
          (t) =>
            [
              t.name,
              tensorData(t.dtype, t.shape, Uint8Array.from([...noise.take(byteLengthOf(t.dtype, t.shape) as number)])),
            ] as const,
        )
        const bytes = await collect(writeSafetensors(data, Object.entries(metadata)))
        const checkpoint = await openCheckpoint(bytesSource(bytes))
        expect(checkpoint.metadata).toEqual(new Map(Object.entries(metadata)))
        expect(checkpoint.tensors.size).toBe(data.length)
        for (const [name, tensor] of data) {
          const entry = checkpoint.tensors.get(name)
          expect([entry?.dtype, entry?.shape]).toEqual([tensor.dtype, tensor.shape])
          expect(await entry?.read()).toEqual(await tensor.read())
        }
        // Canonical: writing what was read gives the same file.
        expect(await collect(writeSafetensors(checkpoint.tensors, checkpoint.metadata))).toEqual(bytes)
      }),
    )
  })

  it('sorts names by code point, not by UTF-16 unit', async () => {
    const one = tensorData('u8', [1], Uint8Array.of(0))
    const bytes = await collect(
      writeSafetensors([
        ['\u{10000}', one],
        ['\uffff', one],
        ['ab', one],
        ['a', one],
      ]),
    )
    expect([...(await openSafetensors(bytesSource(bytes))).tensors.keys()]).toEqual(['a', 'ab', '\uffff', '\u{10000}'])
  })

  it('a header of 640 bytes starts like a pickle and is none', async () => {
    for (const size of [0x0280, 0x0380, 0x0480, 0x0580]) {
      const text = '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}'.padEnd(size)
      const checkpoint = await openCheckpoint(bytesSource(file(text, 3)))
      expect(checkpoint.format).toBe('safetensors')
    }
  })

  it('a damaged header whose length is the code of a brace or a bracket is still one', async () => {
    for (const size of [0x5b, 0x7b]) {
      const open = openCheckpoint(bytesSource(file('[]'.padEnd(size))))
      await expect(open).rejects.toMatchObject({ code: 'InvalidHeader' })
    }
  })

  it('reads the header only, then each tensor on its own', async () => {
    const ranges: number[][] = []
    const memory = bytesSource(
      file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},"b":{"dtype":"U8","shape":[4],"data_offsets":[9,13]}}', 13),
    )
    const source = {
      ...memory,
      read: (offset: number, length: number) => {
        ranges.push([offset, length])
        return memory.read(offset, length)
      },
    }
    const { tensors } = await openSafetensors(source)
    const data = memory.size - 13
    expect(ranges.every(([offset = 0, length = 0]) => offset + length <= data)).toBe(true)
    ranges.length = 0
    await tensors.get('b')?.read()
    expect(ranges).toEqual([[data + 9, 4]])
  })

  it.each([
    ['{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}', 1, 'MisalignedSlice'],
    ['{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}', 2, 'ok'],
    ['{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}', 3, 'ok'],
    ['{"a":{"dtype":"F6_E3M2","shape":[2],"data_offsets":[0,1]}}', 1, 'MisalignedSlice'],
    ['{"a":{"dtype":"F8_E8M0","shape":[2],"data_offsets":[0,2]}}', 2, 'ok'],
    ['{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}', 0, 'ValidationOverflow'],
    ['{"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}', 0, 'ValidationOverflow'],
    ['{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}', 0, 'ok'],
    ['{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0]}}', 0, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', 1, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}', 0, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{"y":[1,-2.5e3,"z",null,true]}}}', 1, 'ok'],
    ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":01}}', 1, 'InvalidHeader'],
    ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],}}', 1, 'InvalidHeader'],
    ['{"a":null}', 0, 'InvalidHeader'],
    ['{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, 'InvalidHeader'],
    [
      '{"\\ud83d\\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"😀":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      2,
      'DuplicateKey',
    ],
    ['{"a\u0001":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, 'InvalidHeader'],
    ['\ufeff{}', 0, 'InvalidHeader'],
    ['{} \n\t', 0, 'ok'],
    ['{}\u0000', 0, 'InvalidHeader'],
    ['{"__metadata__":{"a":"1","a":"2"}}', 0, 'InvalidHeader'],
    [
      `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
      1,
      'InvalidHeader',
    ],
    ['{"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 2, 'ok'],
  ])('%s', async (header, dataLength, expected) => {
    expect(await codeOf(header, dataLength)).toBe(expected)
  })

  it('agrees with JSON.parse on what is JSON', async () => {
    const value = fc.json().map((text) => `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":${text}}}`)
    const mutated = fc
      .tuple(value, fc.nat(), fc.constantFrom('', '"', '{', '}', ',', '1', '.', '\\', 'e', ' '))
      .map(([text, at, char]) => {
        const i = at % text.length
        return text.slice(0, i) + char + text.slice(i + 1)
      })
    await fc.assert(
      fc.asyncProperty(fc.oneof(value, mutated), async (text) => {
        const code = await codeOf(text, 1)
        if (code !== 'ok') return
        expect(() => JSON.parse(text)).not.toThrow()
      }),
      { numRuns: 500 },
    )
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        expect(await codeOf(text, 1)).toBe('ok')
      }),
    )
  })
})

describe('the writer refuses', () => {
  const write = (list: [string, DType, number[], Uint8Array][], metadata?: Record<string, string>) =>
    collect(
      writeSafetensors(
        list.map(([name, dtype, shape, data]) => [name, tensorData(dtype, shape, data)]),
        metadata,
      ),
    )
  const byte = new Uint8Array(1)

  it.each<[string, Parameters<typeof write>]>([
    [
      'a name twice',
      [
        [
          ['a', 'u8', [1], byte],
          ['a', 'u8', [1], byte],
        ],
      ],
    ],
    ['the reserved name', [[['__metadata__', 'u8', [1], byte]]]],
    ['a name without UTF-8 form', [[['\ud800', 'u8', [1], byte]]]],
    ['metadata without UTF-8 form', [[], { a: '\udc00' }]],
    ['too few bytes', [[['a', 'f32', [1], byte]]]],
    ['a type that the format lacks', [[['a', 'c128', [0], new Uint8Array(0)]]]],
    ['half a byte', [[['a', 'f4', [1], byte]]]],
    ['a fractional dimension', [[['a', 'u8', [0.5], byte]]]],
    ['a negative dimension', [[['a', 'u8', [-1], byte]]]],
  ])('%s', async (_, args) => {
    await expect(write(...args)).rejects.toMatchObject({ name: 'CheckpointError', code: 'InvalidTensor' })
  })
})

it('an empty file has no tensors', async () => {
  const bytes = await collect(writeSafetensors([]))
  expect(await readEverything(await openCheckpoint(bytesSource(bytes)))).toEqual(new Map())
})
