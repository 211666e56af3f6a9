import type { Checkpoint } from './checkpoint.js'
import { named, type TensorEntry } from './entry.js'
import { CheckpointError, quote } from './errors.js'
import { PyDict, type PyValue } from './pickle/values.js'
import { PyTensor } from './pytorch/tensor.js'

/**
 * The weights of a model within a checkpoint, under the names of the model's parameters: the entries that the published trainers
 * write, looked for in their order (spec/training 12), without the prefixes that data parallelism (`module.`) and compilation
 * (`_orig_mod.`) put before each name. Values that are no tensors are left out.
 *
 * @param options.ema prefer the averaged weights (`state_dict_ema`, `model_ema`) where there are any
 * @throws CheckpointError NoStateDict when there are no tensors to be found
 */
export function stateDict(checkpoint: Checkpoint, { ema = false }: { ema?: boolean } = {}): Map<string, TensorEntry> {
  const { object } = checkpoint
  if (object === undefined) return stripPrefixes(checkpoint.tensors)
  if (!(object instanceof PyDict))
    throw new CheckpointError('NoStateDict', 'the checkpoint is no dict; read its tensors by path from `tensors`')
  const keys = [...(ema ? ['state_dict_ema', 'model_ema'] : []), 'state_dict', 'model']
  const nested = keys.map((key) => object.get(key)).find((value): value is PyDict => value instanceof PyDict)
  const found = new Map<string, TensorEntry>()
  for (const [name, value] of nested ?? object)
    if (typeof name === 'string' && value instanceof PyTensor) found.set(name, named(name, value))
  if (found.size === 0) {
    const present = [...object.keys()].slice(0, 8).map((key: PyValue) => (typeof key === 'string' ? quote(key) : typeof key))
    throw new CheckpointError(
      'NoStateDict',
      `no weights under ${keys.join(', ')} or at the top; the file has ${present.join(', ') || 'no entries'}. Read them by path from \`tensors\``,
    )
  }
  return stripPrefixes(found)
}

function stripPrefixes(tensors: ReadonlyMap<string, TensorEntry>): Map<string, TensorEntry> {
  const stripped = new Map<string, TensorEntry>()
  for (const [name, tensor] of tensors) {
    const short = name.replace(/^(module\.|_orig_mod\.)+/, '')
    if (stripped.has(short))
      throw new CheckpointError(
        'DuplicateKey',
        `${quote(short)} occurs twice once the prefixes module. and _orig_mod. are removed`,
      )
    stripped.set(short, short === name ? tensor : named(short, tensor))
  }
  return stripped
}
