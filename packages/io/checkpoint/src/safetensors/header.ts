import { bitsOf, type DType, fromSafetensorsName } from '../dtype.js'
import { CheckpointError, type CheckpointErrorCode, quote, shapeText } from '../errors.js'
import { JsonScanner } from '../json.js'

/** Header limit of the reference library, in bytes. */
export const MAX_HEADER = 100_000_000
const U64 = 2n ** 64n

/** A tensor as the header tells of it; offsets count from the start of the data. */
export interface HeaderEntry {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly metadata: Map<string, string>
  /** In the order of the header. */
  readonly entries: HeaderEntry[]
}

interface RawEntry {
  name: string
  dtype: DType
  shape: bigint[]
  begin: bigint
  end: bigint
}

/**
 * Parses and checks a header: spec/checkpoints 1.2, in the order of the reference library.
 *
 * @param bytes the header alone, without its length
 * @param dataLength bytes of the file behind the header
 */
export function parseHeader(bytes: Uint8Array, dataLength: number): Header {
  let text: string
  try {
    // A byte order mark is kept, so that it is refused as text before the object.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CheckpointError('InvalidHeader', 'safetensors header is not UTF-8 text; the file is damaged or no safetensors file')
  }
  const json = new JsonScanner(text, 'InvalidHeader', 'safetensors header')
  const metadata = new Map<string, string>()
  const raw = new Map<string, RawEntry>()
  let sawMetadata = false
  json.object((name) => {
    if (name === '__metadata__') {
      if (sawMetadata) json.fail('__metadata__ twice')
      sawMetadata = true
      json.object((key) => {
        if (metadata.has(key)) json.fail(`metadata key ${quote(key)} twice`)
        if (json.peek() !== '"') json.fail(`metadata ${quote(key)} is not a string`)
        metadata.set(key, json.string())
      })
    } else {
      if (raw.has(name))
        throw new CheckpointError(
          'DuplicateKey',
          `tensor ${quote(name)} occurs twice in the safetensors header; write the file again with distinct names`,
        )
      raw.set(name, parseEntry(json, name))
    }
  })
  json.end()
  return { metadata, entries: validate([...raw.values()], dataLength) }
}

function parseEntry(json: JsonScanner, name: string): RawEntry {
  let dtype: DType | undefined
  let shape: bigint[] | undefined
  let offsets: bigint[] | undefined
  const once = (seen: unknown, field: string) => seen !== undefined && json.fail(`tensor ${quote(name)} has ${field} twice`)
  if (json.peek() !== '{') json.fail(`tensor ${quote(name)} is not an object`)
  json.object((field) => {
    if (field === 'dtype') {
      once(dtype, field)
      if (json.peek() !== '"') json.fail(`dtype of tensor ${quote(name)} is not a string`)
      const type = json.string()
      dtype = fromSafetensorsName(type) ?? json.fail(`tensor ${quote(name)} has unknown dtype ${quote(type)}`)
    } else if (field === 'shape') {
      once(shape, field)
      shape = unsignedArray(json, `a dimension of tensor ${quote(name)}`)
    } else if (field === 'data_offsets') {
      once(offsets, field)
      offsets = unsignedArray(json, `an offset of tensor ${quote(name)}`)
    } else json.skip()
  })
  if (dtype === undefined || shape === undefined || offsets === undefined)
    return json.fail(
      `tensor ${quote(name)} lacks ${dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets'}`,
    )
  const [begin, end] = offsets
  if (begin === undefined || end === undefined || offsets.length !== 2)
    return json.fail(`tensor ${quote(name)} has ${offsets.length} data_offsets instead of 2`)
  return { name, dtype, shape, begin, end }
}

function unsignedArray(json: JsonScanner, what: string): bigint[] {
  const values: bigint[] = []
  if (json.peek() !== '[') json.fail(`${what}: expected an array`)
  json.array(() => values.push(json.unsigned(what)))
  return values
}

const byBigInt = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)

function validate(entries: RawEntry[], dataLength: number): HeaderEntry[] {
  let position = 0n
  for (const { name, dtype, shape, begin, end } of entries.toSorted(
    (a, b) => byBigInt(a.begin, b.begin) || byBigInt(a.end, b.end),
  )) {
    const fail = (code: CheckpointErrorCode, problem: string): never => {
      throw new CheckpointError(code, `tensor ${quote(name)}: ${problem}`)
    }
    if (begin !== position || end < begin)
      fail('InvalidOffset', `data_offsets [${begin}, ${end}], but the range must start at ${position} and not end before it`)
    let elements = 1n
    for (const size of shape) {
      elements *= size
      // Above 2^53 only next to a 0: an empty tensor whose other dimensions no caller could hold exactly.
      if (elements >= U64 || size > BigInt(Number.MAX_SAFE_INTEGER))
        fail('ValidationOverflow', `shape ${shapeText(shape)} has too many elements`)
    }
    const bits = elements * BigInt(bitsOf(dtype))
    if (bits >= U64) fail('ValidationOverflow', `shape ${shapeText(shape)} of ${dtype} takes too many bits`)
    if (bits % 8n !== 0n)
      fail('MisalignedSlice', `shape ${shapeText(shape)} of ${dtype} takes ${bits} bits, which is no whole number of bytes`)
    if (end - begin !== bits / 8n)
      fail(
        'TensorInvalidInfo',
        `shape ${shapeText(shape)} of ${dtype} takes ${bits / 8n} bytes, but data_offsets give ${end - begin}`,
      )
    position = end
  }
  if (position !== BigInt(dataLength))
    throw new CheckpointError(
      'MetadataIncompleteBuffer',
      `the header describes ${position} bytes of data, but the file holds ${dataLength}; ${position > dataLength ? 'it was cut off: fetch it again' : 'there is something behind the last tensor'}`,
    )
  return entries.map((e) => ({
    name: e.name,
    dtype: e.dtype,
    shape: e.shape.map(Number),
    begin: Number(e.begin),
    end: Number(e.end),
  }))
}
