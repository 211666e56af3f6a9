import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PyValue } from '../src/index.js'
import {
  bytesSource,
  type Checkpoint,
  PyDict,
  PyOpaque,
  PyRecord,
  PySet,
  PyTensor,
  PyTuple,
  TorchDevice,
  TorchDtype,
  TorchSize,
} from '../src/index.js'

export const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url))

interface SafetensorsContent {
  metadata: Record<string, string>
  tensors: Record<string, { dtype: string; shape: number[]; bytes: string }>
}

export interface Case {
  file: string
  expect: 'decode' | 'error' | 'refuse' | 'either'
  note?: string
  reason?: string
  content?: Tree & SafetensorsContent
  weights?: { with_average: string; without_average: string }
  /** Such entries tell the elements, but not how they lie in the storage. */
  not_run_through_the_reference?: boolean
  values?: Record<string, (number | string)[]>
}

export const CASES: Case[] = JSON.parse(readFileSync(`${FIXTURES}manifest.json`, 'utf8')).files

export const caseOf = (file: string): Case => CASES.find((c) => c.file === file) as Case
export const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(FIXTURES + file))
export const sourceOf = (file: string) => bytesSource(bytesOf(file), file)
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** A value as the manifest writes it. */
export type Tree = { t: string } & Record<string, unknown>

const fields = (pairs: Tree[keyof Tree]): [string, Tree][] => (pairs ?? []) as [string, Tree][]

/** Compares a decoded value with the manifest; gives the differences as text. `layout`: strides and offsets too. Memory shared in the manifest must be shared here. */
export async function differences(value: PyValue, expected: Tree, layout: boolean): Promise<string[]> {
  const found: string[] = []
  const storages = new Map<number, unknown>()
  await compare(value, expected, '$')
  return found

  function check(ok: boolean, path: string, what: string) {
    if (!ok) found.push(`${path}: ${what}`)
  }

  async function compareList(values: readonly PyValue[], trees: Tree[], path: string) {
    check(values.length === trees.length, path, `${values.length} items instead of ${trees.length}`)
    for (const [i, tree] of trees.entries()) await compare(values[i] as PyValue, tree, `${path}[${i}]`)
  }

  async function comparePairs(map: ReadonlyMap<PyValue, PyValue>, pairs: [Tree | string, Tree][], path: string) {
    const entries = [...map]
    check(entries.length === pairs.length, path, `${entries.length} entries instead of ${pairs.length}`)
    for (const [i, [key, tree]] of pairs.entries()) {
      const [actualKey, actual] = entries[i] ?? []
      await compare(actualKey as PyValue, typeof key === 'string' ? { t: 'str', v: key } : key, `${path} key ${i}`)
      await compare(actual as PyValue, tree, `${path}.${typeof key === 'string' ? key : String(key['v'])}`)
    }
  }

  async function compare(actual: PyValue, tree: Tree, path: string): Promise<void> {
    const { t, v } = tree
    if (t === 'none') check(actual === null, path, 'not None')
    else if (t === 'str' || t === 'bool') check(actual === v, path, `${String(actual)} instead of ${String(v)}`)
    else if (t === 'int')
      check(
        (typeof actual === 'number' || typeof actual === 'bigint') && String(actual) === v,
        path,
        `${String(actual)} is not ${v}`,
      )
    else if (t === 'float')
      check(typeof actual === 'number' && Object.is(actual, pythonFloat(v as string)), path, `${String(actual)} is not ${v}`)
    else if (t === 'bytes') check(actual instanceof Uint8Array && base64(actual) === tree['base64'], path, 'other bytes')
    else if (t === 'list') check(Array.isArray(actual), path, 'no list')
    else if (t === 'tuple') check(actual instanceof PyTuple, path, 'no tuple')
    else if (t === 'set') check(actual instanceof PySet, path, 'no set')
    else if (t === 'dict') check(actual instanceof PyDict && actual.type !== 'OrderedDict', path, 'no dict')
    else if (t === 'ordered') check(actual instanceof PyDict && actual.type === 'OrderedDict', path, 'no OrderedDict')
    else if (t === 'record') check(actual instanceof PyRecord && actual.className === tree['class'], path, 'other record')
    else if (t === 'opaque')
      check(actual instanceof PyOpaque && actual.className.startsWith(tree['class'] as string), path, 'not opaque')
    else if (t === 'size') check(actual instanceof TorchSize && String(actual.dims) === String(v), path, 'other size')
    else if (t === 'dtype') check(actual instanceof TorchDtype && actual.name === v, path, 'other dtype')
    else if (t === 'device') check(actual instanceof TorchDevice && actual.text === v, path, 'other device')
    else if (t === 'tensor') check(actual instanceof PyTensor, path, 'no tensor')
    else check(false, path, `the manifest has the unknown kind ${t}`)

    if (Array.isArray(actual)) await compareList(actual, v as Tree[], path)
    if (actual instanceof PyTuple) await compareList(actual.items, v as Tree[], path)
    if (actual instanceof PySet) await compareList([...actual.items].sort(), v as Tree[], path)
    if (actual instanceof PyDict) {
      await comparePairs(actual, fields(tree['items']), path)
      await comparePairs(actual.attributes ?? new Map(), fields(tree['attributes']), `${path} attributes`)
    }
    if (actual instanceof PyRecord) {
      await comparePairs(actual.items, fields(tree['items']), path)
      await comparePairs(actual.fields, fields(tree['fields']), `${path} fields`)
    }
    if (actual instanceof PyTensor) {
      check(actual.dtype === shortDtype(tree['dtype'] as string), path, `dtype ${actual.dtype}`)
      check(String(actual.shape) === String(tree['shape']), path, `shape ${actual.shape}`)
      check(!layout || String(actual.stride) === String(tree['stride']), path, `stride ${actual.stride}`)
      check(!layout || actual.offset === tree['offset'], path, `offset ${actual.offset}`)
      check(actual.parameter === tree['parameter'], path, 'parameter')
      check(actual.requiresGrad === tree['requires_grad'], path, 'requires_grad')
      check(base64(await actual.read()) === tree['bytes'], path, 'other elements')
      const number = tree['storage'] as number
      const known = storages.get(number) ?? actual.storage.block
      storages.set(number, known)
      check(
        known === actual.storage.block && [...storages.values()].filter((b) => b === known).length === 1,
        path,
        'shares other memory',
      )
    }
  }
}

const pythonFloat = (text: string): number => (text.endsWith('inf') ? Number(text.replace('inf', 'Infinity')) : Number(text))

export function shortDtype(name: string): string {
  const short: Record<string, string> = { bool: 'bool', bfloat16: 'bf16', complex64: 'c64', complex128: 'c128' }
  return short[name] ?? name.replace('uint', 'u').replace('int', 'i').replace('float', 'f')
}

/** Reads every tensor, as a model loader would. */
export async function readEverything(checkpoint: Checkpoint): Promise<Map<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>()
  for (const [name, entry] of checkpoint.tensors) all.set(name, await entry.read())
  return all
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return new Uint8Array(Buffer.concat(parts))
}
