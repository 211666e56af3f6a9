import {
  PyComplex,
  PyDict,
  PyOpaque,
  PyRecord,
  PySet,
  PyTensor,
  PyTuple,
  type PyValue,
  type StorageBlock,
  TorchDevice,
  TorchDtype,
  TorchSize,
} from '@scanline/checkpoint'
import type { Field } from '../field.js'

/** PyTorch's name of a type, as Scanline abbreviates it: `bfloat16` is `bf16`, `uint8` is `u8`. */
export const shortDtype = (name: string): string =>
  name === 'bool'
    ? name
    : name.replace('complex', 'c').replace('uint', 'u').replace('int', 'i').replace('bfloat', 'bf').replace('float', 'f')

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')

export interface TreeOptions {
  /** Compare strides and offsets too, not only the elements that they lead to. */
  readonly layout: boolean
}

/**
 * Compares a decoded object with the tree that a manifest writes for it (`t` is the type), tensor bytes included. Tensors
 * that share a storage there must share memory here. Gives every difference as text.
 */
export async function treeDifferences(value: PyValue, expected: Field, { layout }: TreeOptions): Promise<string[]> {
  const found: string[] = []
  const blocks = new Map<number, StorageBlock>()
  const numbers = new Map<StorageBlock, number>()

  const expect = (holds: boolean, path: string, what: string): boolean => {
    if (!holds) found.push(`${path} ${what}`)
    return holds
  }

  async function compareList(values: readonly PyValue[], trees: readonly Field[], path: string): Promise<void> {
    if (!expect(values.length === trees.length, path, `has ${values.length} items instead of ${trees.length}`)) return
    for (const [i, tree] of trees.entries()) await compare(values[i], tree, `${path}[${i}]`)
  }

  /** In order: a state dict's order is part of it. Keys are trees, or plain texts for attributes and fields. */
  async function comparePairs(map: ReadonlyMap<PyValue, PyValue>, pairs: Field | undefined, path: string): Promise<void> {
    const expectedPairs = pairs?.list() ?? []
    const entries = [...map]
    if (
      !expect(entries.length === expectedPairs.length, path, `has ${entries.length} entries instead of ${expectedPairs.length}`)
    )
      return
    for (const [i, pair] of expectedPairs.entries()) {
      const [key, tree] = pair.tuple(2)
      const [actualKey, actual] = entries[i]
      if (key.isRecord()) await compare(actualKey, key, `${path} key ${i}`)
      else expect(actualKey === key.string(), `${path} key ${i}`, `is ${String(actualKey)} instead of ${key.string()}`)
      await compare(actual, tree, `${path}.${String(actualKey)}`)
    }
  }

  async function compareTensor(actual: PyTensor, tree: Field, path: string): Promise<void> {
    const dtype = shortDtype(tree.at('dtype').string())
    expect(actual.dtype === dtype, path, `is ${actual.dtype} instead of ${dtype}`)
    expect(String(actual.shape) === String(tree.at('shape').shape()), path, `has the shape [${actual.shape}]`)
    if (layout) {
      expect(String(actual.stride) === String(tree.at('stride').numbers()), path, `has the strides [${actual.stride}]`)
      expect(actual.offset === tree.at('offset').number(), path, `begins at ${actual.offset}`)
    }
    expect(actual.parameter === tree.at('parameter').boolean(), path, 'differs in being a parameter')
    expect(actual.requiresGrad === tree.at('requires_grad').boolean(), path, 'differs in requires_grad')
    expect(base64(await actual.read()) === tree.at('bytes').string(), path, 'has other elements')
    const { block } = actual.storage
    const number = tree.at('storage').number()
    if (!blocks.has(number)) blocks.set(number, block)
    if (!numbers.has(block)) numbers.set(block, number)
    expect(blocks.get(number) === block && numbers.get(block) === number, path, 'shares memory with other tensors')
  }

  const kinds: Readonly<Record<string, (actual: PyValue, tree: Field, path: string) => unknown>> = {
    none: (actual, _, path) => expect(actual === null, path, 'is not None'),
    str: (actual, tree, path) => expect(actual === tree.at('v').string(), path, 'is another text'),
    bool: (actual, tree, path) => expect(actual === tree.at('v').boolean(), path, `is ${String(actual)}`),
    int: (actual, tree, path) => {
      const whole = typeof actual === 'number' || typeof actual === 'bigint'
      expect(whole && String(actual) === tree.at('v').string(), path, `is ${String(actual)}`)
    },
    float: (actual, tree, path) => expect(Object.is(actual, pythonFloat(tree.at('v').string())), path, `is ${String(actual)}`),
    complex: (actual, _, path) => expect(actual instanceof PyComplex, path, 'is no complex number'),
    bytes: (actual, tree, path) =>
      expect(actual instanceof Uint8Array && base64(actual) === tree.at('base64').string(), path, 'has other bytes'),
    list: (actual, tree, path) =>
      expect(Array.isArray(actual), path, 'is no list') && compareList(actual as PyValue[], tree.at('v').list(), path),
    tuple: (actual, tree, path) =>
      expect(actual instanceof PyTuple, path, 'is no tuple') && compareList((actual as PyTuple).items, tree.at('v').list(), path),
    set: (actual, tree, path) =>
      expect(actual instanceof PySet, path, 'is no set') &&
      compareList([...(actual as PySet).items].sort(), tree.at('v').list(), path),
    dict: (actual, tree, path) =>
      expect(actual instanceof PyDict && actual.type !== 'OrderedDict', path, 'is no dict') &&
      comparePairs(actual as PyDict, tree.maybe('items'), path),
    ordered: async (actual, tree, path) => {
      if (!expect(actual instanceof PyDict && actual.type === 'OrderedDict', path, 'is no OrderedDict')) return
      await comparePairs(actual as PyDict, tree.maybe('items'), path)
      await comparePairs((actual as PyDict).attributes ?? new Map(), tree.maybe('attributes'), `${path} attributes`)
    },
    record: async (actual, tree, path) => {
      const name = tree.at('class').string()
      if (!expect(actual instanceof PyRecord && actual.className === name, path, `is no record ${name}`)) return
      await comparePairs((actual as PyRecord).items, tree.maybe('items'), path)
      await comparePairs((actual as PyRecord).fields, tree.maybe('fields'), `${path} fields`)
    },
    // The class may be written short, and decoding it is as good.
    opaque: (actual, tree, path) =>
      expect(
        !(actual instanceof PyOpaque) || actual.className.startsWith(tree.at('class').string()),
        path,
        'is an opaque object of another class',
      ),
    size: (actual, tree, path) =>
      expect(actual instanceof TorchSize && String(actual.dims) === String(tree.at('v').shape()), path, 'is another size'),
    dtype: (actual, tree, path) =>
      expect(actual instanceof TorchDtype && actual.name === tree.at('v').string(), path, 'is another dtype'),
    device: (actual, tree, path) =>
      expect(actual instanceof TorchDevice && actual.text === tree.at('v').string(), path, 'is another device'),
    tensor: (actual, tree, path) =>
      expect(actual instanceof PyTensor, path, 'is no tensor') && compareTensor(actual as PyTensor, tree, path),
  }

  async function compare(actual: PyValue, tree: Field, path: string): Promise<void> {
    const type = tree.at('t').oneOf(...Object.keys(kinds))
    await kinds[type](actual, tree, path)
  }

  await compare(value, expected, '$')
  return found
}

/** Python's `repr` of a float. */
const pythonFloat = (text: string): number => Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'))
