import { basename } from 'node:path'
import {
  bytesSource,
  type Checkpoint,
  CheckpointError,
  type DType,
  openCheckpoint,
  PyDict,
  PyTensor,
  stateDict,
  tensorData,
  toFloat64,
  writeSafetensors,
} from '@scanline/checkpoint'
import { base64, treeDifferences } from '../checkpoints/tree.js'
import type { Field } from '../field.js'
import { readBeside } from '../files.js'
import type { Context, Kind } from '../kind.js'

/** Checkpoint files in the folder `files` beside the manifest: what they hold, or that they are refused. */
export const checkpoints: Kind = {
  name: 'checkpoint files',
  matches: (file) => file.isRecord() && file.record()['kind'] === 'checkpoints',
  run: async (file, context) => {
    for (const [i, entry] of file.at('files').list().entries()) {
      const name = `files[${i}] ${entry.at('file').string()}`
      const bytes = readBeside(context.path, entry.at('file'))
      const expected = entry.at('expect').oneOf('decode', 'error', 'refuse', 'either')
      await context.part(name, () =>
        expected === 'decode' ? checkContent(context, name, bytes, entry) : checkRefused(context, name, bytes, expected, entry),
      )
    }
  },
}

/** Opens a file and reads every tensor, as a model loader would. */
async function load(bytes: Uint8Array, field: Field): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(bytesSource(bytes, basename(field.string())))
  for (const tensor of checkpoint.tensors.values()) await tensor.read()
  return checkpoint
}

const differ = (context: Context, name: string, found: readonly string[]): void =>
  context.check({
    name,
    error: found.length,
    bound: 0,
    ...(found.length > 0 && { note: found[0] }),
  })

async function checkContent(context: Context, name: string, bytes: Uint8Array, entry: Field): Promise<void> {
  const checkpoint = await load(bytes, entry.at('file'))
  const content = entry.maybe('content')
  if (content && checkpoint.object === undefined) differ(context, name, await safetensorsDifferences(checkpoint, content))
  else if (content) {
    const layout = !entry.maybe('not_run_through_the_reference')?.boolean()
    differ(context, name, await treeDifferences(checkpoint.object as PyDict, content, { layout }))
  } else differ(context, name, [])

  const weights = entry.maybe('weights')
  if (weights) differ(context, `${name}, weights`, await weightDifferences(checkpoint, weights))
  const values = entry.maybe('values')
  if (values) differ(context, `${name}, values`, await valueDifferences(checkpoint, values))
  if (entry.maybe('writer_must_match')?.boolean()) differ(context, `${name}, written`, await writerDifferences(bytes, entry))
}

async function safetensorsDifferences(checkpoint: Checkpoint, content: Field): Promise<string[]> {
  const found: string[] = []
  const metadata = content.maybe('metadata')?.entries() ?? []
  if (metadata.length !== checkpoint.metadata.size) found.push(`${checkpoint.metadata.size} metadata entries`)
  for (const [key, value] of metadata) if (checkpoint.metadata.get(key) !== value.string()) found.push(`metadata ${key}`)
  const tensors = content.at('tensors').entries()
  if (tensors.length !== checkpoint.tensors.size) found.push(`${checkpoint.tensors.size} tensors instead of ${tensors.length}`)
  for (const [key, expected] of tensors) {
    const tensor = checkpoint.tensors.get(key)
    if (!tensor) found.push(`no tensor ${key}`)
    else if (tensor.dtype !== expected.at('dtype').string().toLowerCase()) found.push(`${key} is ${tensor.dtype}`)
    else if (String(tensor.shape) !== String(expected.at('shape').shape())) found.push(`${key} has the shape [${tensor.shape}]`)
    else if (base64(await tensor.read()) !== expected.at('bytes').string()) found.push(`${key} has other elements`)
  }
  return found
}

/** Which entry a loader takes, with and without the averaged weights: their names are alike, so the elements are compared. */
async function weightDifferences(checkpoint: Checkpoint, weights: Field): Promise<string[]> {
  const { object } = checkpoint
  const differences: string[] = []
  for (const ema of [true, false]) {
    const key = weights.at(ema ? 'with_average' : 'without_average').string()
    const expected = object instanceof PyDict ? object.get(key) : undefined
    if (!(expected instanceof PyDict)) {
      differences.push(`there is no dict ${key}`)
      continue
    }
    const tensors = [...expected].filter((pair): pair is [string, PyTensor] => pair[1] instanceof PyTensor)
    const found = [...stateDict(checkpoint, { ema })]
    const same = await Promise.all(
      tensors.map(async ([name, tensor], i) => {
        const [foundName, entry] = found[i] ?? []
        if (foundName !== name.replace(/^(module\.|_orig_mod\.)+/, '') || !entry) return false
        return base64(await entry.read()) === base64(await tensor.read())
      }),
    )
    if (found.length !== tensors.length || same.includes(false)) differences.push(`not the weights of ${key}`)
  }
  return differences
}

async function valueDifferences(checkpoint: Checkpoint, values: Field): Promise<string[]> {
  const differences: string[] = []
  for (const [name, expected] of values.entries()) {
    const entry = checkpoint.tensors.get(name)
    const actual = entry ? toFloat64(await entry.read(), entry.dtype) : []
    const numbers = expected.list().map((f) => (typeof f.value === 'string' ? special(f) : f.number()))
    const same = numbers.length === actual.length && numbers.every((value, i) => Object.is(value, actual[i]))
    if (!same) differences.push(`${name} has other values`)
  }
  return differences
}

const special = (field: Field): number =>
  ({ nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY })[field.oneOf('nan', 'inf', '-inf')]

/** The tensors written again, in the order that the manifest gives them to the writer. */
async function writerDifferences(bytes: Uint8Array, entry: Field): Promise<string[]> {
  const content = entry.at('content')
  const tensors = content.at('tensors')
  const order = entry.maybe('writer_input_order')?.strings() ?? tensors.keys()
  const metadata = content.maybe('metadata')?.entries() ?? []
  const parts: Uint8Array[] = []
  const chunks = writeSafetensors(
    order.map((name) => {
      const tensor = tensors.at(name)
      const dtype = tensor.at('dtype').string().toLowerCase() as DType
      return [name, tensorData(dtype, tensor.at('shape').shape(), tensor.at('bytes').bytes())] as const
    }),
    metadata.map(([key, value]) => [key, value.string()] as const),
  )
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).equals(bytes) ? [] : ['other bytes than the file']
}

/**
 * The names of errors are those of the reference library where a file breaks one of its rules. A file that breaks several
 * may be refused for any of them, so the name is shown and does not decide.
 */
async function checkRefused(
  context: Context,
  name: string,
  bytes: Uint8Array,
  expected: 'error' | 'refuse' | 'either',
  entry: Field,
): Promise<void> {
  try {
    await load(bytes, entry.at('file'))
    if (expected === 'either') context.check({ name, error: 0, bound: 0, note: 'decoded' })
    else context.check({ name, error: 1, bound: 0, note: 'was decoded, but must be refused' })
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    const reason = entry.maybe('reason')?.string()
    const other = reason === undefined || reason === error.code ? '' : ` (the manifest says ${reason})`
    // A file that wants something called must be refused for that, before anything else in it is looked at.
    const hostile = error.code === 'ForbiddenGlobal' || error.code === 'ForbiddenOpcode'
    const refused = expected !== 'refuse' || hostile
    context.check({ name, error: refused ? 0 : 1, bound: 0, note: `${error.code}${other}` })
  }
}
