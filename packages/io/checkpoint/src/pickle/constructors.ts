import { CheckpointError } from '../errors.js'
import { assertKeyLength } from '../limits.js'
import type { Budget } from './budget.js'
import {
  kindOf,
  PyComplex,
  PyDict,
  PyGlobal,
  PyOpaque,
  PyRecord,
  PySet,
  PyTuple,
  type PyValue,
  TorchDevice,
  TorchSize,
} from './values.js'

/** Builds the value that a call would give. */
export type Constructor = (args: readonly PyValue[], budget: Budget) => PyValue

export function misuse(args: readonly PyValue[], expected: string): never {
  const given = args.slice(0, 8).map(kindOf).join(', ')
  throw new CheckpointError('InvalidPickle', `takes ${expected}, but was given (${given}); the file is damaged or hand-made`)
}

export function assertHashable(key: PyValue): void {
  if (typeof key === 'string') assertKeyLength(key, 'a key')
  if (Array.isArray(key) || key instanceof PyDict || key instanceof PyRecord || (key instanceof PySet && !key.frozen))
    throw new CheckpointError('InvalidPickle', `${kindOf(key)} cannot be a key or a member of a set`)
}

function itemsOf(args: readonly PyValue[], budget: Budget): readonly PyValue[] {
  const [value = new PyTuple([])] = args
  if (args.length > 1) return misuse(args, 'one list at most')
  const items = value instanceof PyTuple ? value.items : value instanceof PySet ? [...value.items] : value
  if (!Array.isArray(items)) return misuse(args, 'a list')
  budget.spend(items.length + 1)
  return items
}

function pairsOf(args: readonly PyValue[], budget: Budget): (readonly [PyValue, PyValue])[] {
  if (args.length === 1 && args[0] instanceof PyDict) {
    budget.spend(args[0].size)
    return [...args[0]]
  }
  return itemsOf(args, budget).map((pair) => {
    const [key, value, ...more] = pair instanceof PyTuple ? pair.items : Array.isArray(pair) ? pair : []
    if (key === undefined || value === undefined || more.length > 0) return misuse([pair], 'a list of pairs')
    assertHashable(key)
    return [key, value]
  })
}

function members(args: readonly PyValue[], budget: Budget): readonly PyValue[] {
  const items = itemsOf(args, budget)
  items.forEach(assertHashable)
  return items
}

const scalar =
  (zero: PyValue, accepts: (value: PyValue) => boolean, expected: string): Constructor =>
  (args) => {
    const [value = zero] = args
    return args.length <= 1 && accepts(value) ? value : misuse(args, expected)
  }

function latin1(args: readonly PyValue[], budget: Budget, encoding: string): Uint8Array {
  const [text] = args
  if (args.length !== 2 || typeof text !== 'string' || args[1] !== encoding) return misuse(args, `text and "${encoding}"`)
  budget.spend(text.length >> 4)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i)
    bytes[i] = code <= 0xff ? code : misuse(args, 'text of latin-1 characters only')
  }
  return bytes
}

const binary: Constructor = (args, budget) => {
  const [value] = args
  if (value === undefined) return new Uint8Array(0)
  if (args.length > 1) return latin1(args, budget, 'latin-1')
  if (!(value instanceof Uint8Array)) return misuse(args, 'bytes')
  budget.spend(value.length >> 4)
  return new Uint8Array(value)
}

const isInteger = (value: PyValue) => typeof value === 'bigint' || Number.isSafeInteger(value)

const BUILTINS: Record<string, Constructor> = {
  dict: (args, budget) => new PyDict('dict', pairsOf(args, budget)),
  list: (args, budget) => [...itemsOf(args, budget)],
  tuple: (args, budget) => new PyTuple([...itemsOf(args, budget)]),
  set: (args, budget) => new PySet(false, members(args, budget)),
  frozenset: (args, budget) => new PySet(true, members(args, budget)),
  int: scalar(0, isInteger, 'an integer'),
  float: scalar(0, (value) => typeof value === 'number', 'a number'),
  bool: scalar(false, (value) => typeof value === 'boolean', 'a boolean'),
  str: scalar('', (value) => typeof value === 'string', 'text'),
  bytes: binary,
  bytearray: binary,
  complex: (args) => {
    const [re = 0, im = 0] = args
    return args.length <= 2 && typeof re === 'number' && typeof im === 'number'
      ? new PyComplex(re, im)
      : misuse(args, 'two numbers')
  },
  slice: (args) => opaque('builtins.slice', args.length >= 1 && args.length <= 3 ? args : misuse(args, 'one to three values')),
  object: (args) => opaque('builtins.object', args.length === 0 ? args : misuse(args, 'nothing')),
}

function opaque(className: string, parts: readonly PyValue[]): PyOpaque {
  const value = new PyOpaque(className)
  value.parts.push(...parts)
  return value
}

/** Constructors of plain data, by `module name`. */
export const CONSTRUCTORS: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ...Object.entries(BUILTINS).flatMap(([name, build]) =>
    ['__builtin__', 'builtins'].map((module) => [`${module} ${name}`, build] as const),
  ),
  ['collections OrderedDict', (args, budget) => new PyDict('OrderedDict', pairsOf(args, budget))],
  [
    'collections defaultdict',
    (args) =>
      args.length === 0 || (args.length === 1 && (args[0] === null || args[0] instanceof PyGlobal))
        ? new PyDict('defaultdict')
        : misuse(args, 'a class'),
  ],
  ['_codecs encode', (args, budget) => latin1(args, budget, 'latin1')],
  [
    'torch Size',
    (args, budget) => {
      const dims = itemsOf(args, budget)
      return dims.every((n): n is number => Number.isSafeInteger(n))
        ? new TorchSize([...dims])
        : misuse(args, 'a tuple of integers')
    },
  ],
  [
    'torch device',
    (args) => {
      const [type, index] = args
      const indexed = args.length === 2 && Number.isSafeInteger(index)
      if (typeof type !== 'string' || !(args.length === 1 || indexed) || !/^[a-z]+(:\d+)?$/.test(type))
        return misuse(args, 'the text of a device and an index')
      return new TorchDevice(indexed ? `${type}:${index}` : type)
    },
  ],
])
