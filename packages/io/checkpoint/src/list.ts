import { named, type TensorEntry } from './entry.js'
import { CheckpointError } from './errors.js'
import { assertKeyLength } from './limits.js'
import { PyDict, PyRecord, PyTuple, type PyValue } from './pickle/values.js'
import { PyTensor } from './pytorch/tensor.js'

/** Characters of all names together; paths repeat their first parts, so a small file could make them long. */
const MAX_NAMES = 1 << 26
/** Tensors nested deeper are found in the object only. */
const MAX_DEPTH = 1000

/**
 * The tensors of an object by path, in the order of the file. A container that occurs twice is listed once, under its first
 * path: that keeps shared and circular structures finite.
 */
export function listTensors(root: PyValue): Map<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>()
  const seen = new Set<PyValue>()
  const open: Iterator<readonly [string, PyValue]>[] = [[['', root] as const].values()]
  let characters = 0
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.next()
    if (next.done) {
      open.pop()
      continue
    }
    const [path, value] = next.value
    if (value instanceof PyTensor) {
      assertKeyLength(path, 'the path of a tensor')
      if ((characters += path.length) > MAX_NAMES)
        throw new CheckpointError('LimitExceeded', `the names of the tensors take more than ${MAX_NAMES} characters`)
      // Two keys that print alike, such as 1 and "1": both are in the object.
      if (!tensors.has(path)) tensors.set(path, named(path, value))
    } else if (isContainer(value) && !seen.has(value) && open.length <= MAX_DEPTH) {
      seen.add(value)
      open.push(children(path, value))
    }
  }
  return tensors
}

type Container = PyValue[] | PyTuple | PyDict | PyRecord

const isContainer = (value: PyValue): value is Container =>
  Array.isArray(value) || value instanceof PyTuple || value instanceof PyDict || value instanceof PyRecord

function* children(path: string, value: Container): Generator<readonly [string, PyValue]> {
  const prefix = path === '' ? '' : `${path}.`
  if (value instanceof PyDict) yield* keyed(prefix, value)
  else if (value instanceof PyRecord) {
    yield* keyed(prefix, value.items)
    yield* keyed(prefix, value.fields)
  } else for (const [i, item] of (value instanceof PyTuple ? value.items : value).entries()) yield [`${prefix}${i}`, item]
}

function* keyed(prefix: string, items: ReadonlyMap<PyValue, PyValue>): Generator<readonly [string, PyValue]> {
  let i = 0
  for (const [key, value] of items) {
    yield [`${prefix}${typeof key === 'object' ? `#${i}` : String(key)}`, value]
    i++
  }
}
