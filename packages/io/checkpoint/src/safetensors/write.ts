import { byteLengthOf, dtypeRank, safetensorsName } from '../dtype.js'
import { readAll, type TensorData } from '../entry.js'
import { CheckpointError, quote, shapeText } from '../errors.js'

const utf8 = new TextEncoder()

/** UTF-8 orders as code points do; JavaScript's `<` would put U+FFFF behind U+10000. */
function compareNames(a: string, b: string): number {
  const x = utf8.encode(a)
  const y = utf8.encode(b)
  const i = x.findIndex((byte, k) => byte !== y[k])
  return i < 0 ? x.length - y.length : (x[i] as number) - (y[i] ?? -1)
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

function checkText(text: string, what: string): void {
  if (LONE_SURROGATE.test(text))
    throw new CheckpointError('InvalidTensor', `${what} ${quote(text)} holds half of a surrogate pair and has no UTF-8 form`)
}

/**
 * Writes a safetensors file in the canonical form of the reference library, as chunks: the header, then one chunk a tensor.
 * Tensors that share memory are written as copies of their own.
 *
 * @param metadata `{format: 'pt'}` is what PyTorch tools expect
 * @throws CheckpointError InvalidTensor before the first chunk for names, types and shapes that cannot be written, and when a
 * tensor gives another number of bytes than its shape asks for
 * @example
 * const chunks = writeSafetensors(new Map([['w', tensorData('f32', [2], new Float32Array([1, 2]))]]), { format: 'pt' })
 */
export async function* writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  metadata: Iterable<readonly [string, string]> | Readonly<Record<string, string>> = [],
): AsyncGenerator<Uint8Array> {
  const names = new Set<string>()
  const sized = [...tensors].map(([name, tensor]) => {
    checkText(name, 'tensor name')
    if (names.has(name) || name === '__metadata__')
      throw new CheckpointError(
        'InvalidTensor',
        `the tensor name ${quote(name)} ${names.has(name) ? 'occurs twice' : 'is reserved by the format'}`,
      )
    names.add(name)
    const type = safetensorsName(tensor.dtype)
    if (type === undefined)
      throw new CheckpointError('InvalidTensor', `tensor ${quote(name)}: safetensors has no type for ${tensor.dtype}`)
    const valid = tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0)
    const length = valid ? byteLengthOf(tensor.dtype, tensor.shape) : undefined
    if (length === undefined)
      throw new CheckpointError(
        'InvalidTensor',
        `tensor ${quote(name)}: ${tensor.dtype} cannot have the shape ${shapeText(tensor.shape)}`,
      )
    return { name, tensor, type, length }
  })
  sized.sort((a, b) => dtypeRank(a.tensor.dtype) - dtypeRank(b.tensor.dtype) || compareNames(a.name, b.name))

  const members: string[] = []
  const pairs = [...(Symbol.iterator in metadata ? metadata : Object.entries(metadata))]
  for (const pair of pairs) for (const text of pair) checkText(text, 'metadata')
  if (pairs.length > 0)
    members.push(`"__metadata__":{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`)
  let offset = 0
  for (const { name, tensor, type, length } of sized) {
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${type}","shape":[${tensor.shape.join(',')}],"data_offsets":[${offset},${offset + length}]}`,
    )
    offset += length
  }
  const json = utf8.encode(`{${members.join(',')}}`)
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  yield header
  for (const { name, tensor, length } of sized) yield await readAll(tensor, length, quote(name))
}
