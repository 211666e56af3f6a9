import type { Checkpoint } from './checkpoint.js'
import type { TensorEntry } from './entry.js'
import { CheckpointError, quote } from './errors.js'
import { JsonScanner } from './json.js'
import { openCheckpoint } from './open.js'
import { type ByteSource, readExactly } from './source.js'

const MAX_INDEX = 100_000_000

/** Reads a `model.safetensors.index.json`: tensor name to file name. @throws CheckpointError InvalidIndex */
export function parseIndex(text: string): Map<string, string> {
  const json = new JsonScanner(text, 'InvalidIndex', 'index')
  let files: Map<string, string> | undefined
  json.object((key) => {
    if (key !== 'weight_map') return json.skip()
    if (files) json.fail('weight_map twice')
    const map = new Map<string, string>()
    files = map
    json.object((name) => {
      const file = json.string()
      if (map.has(name)) json.fail(`tensor ${quote(name)} twice`)
      if (!isPlainName(file)) json.fail(`${quote(file)} is no plain file name; files must lie in the folder of the index`)
      map.set(name, file)
    })
  })
  json.end()
  return files ?? json.fail('there is no weight_map')
}

/** No separators, drives or streams, nothing that leads elsewhere. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const isPlainName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !/[/\\:\u0000-\u001f]/.test(name)

/**
 * Opens weights that are split over several files as one checkpoint. Each file is opened once; weights are read on demand.
 *
 * @param index the index file; it is read and closed
 * @param openFile gives the file of that plain name in the folder of the index
 * @throws CheckpointError also when a file lacks a tensor that the index places there
 */
export async function openSharded(index: ByteSource, openFile: (name: string) => Promise<ByteSource>): Promise<Checkpoint> {
  const shards = new Map<string, Checkpoint>()
  const close = async () => {
    for (const shard of shards.values()) await shard.close()
  }
  try {
    const tensors = new Map<string, TensorEntry>()
    for (const [name, file] of parseIndex(await readIndex(index))) {
      let shard = shards.get(file)
      if (shard === undefined) {
        shard = await openCheckpoint(await openFile(file))
        shards.set(file, shard)
      }
      const entry = shard.tensors.get(name)
      if (entry === undefined)
        throw new CheckpointError(
          'InvalidIndex',
          `the index places ${quote(name)} in ${quote(file)}, which lacks it; the files belong to different models`,
        )
      tensors.set(name, entry)
    }
    const [first] = shards.values()
    return { format: first?.format ?? 'safetensors', metadata: first?.metadata ?? new Map(), tensors, object: undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function readIndex(index: ByteSource): Promise<string> {
  try {
    if (index.size > MAX_INDEX)
      throw new CheckpointError('InvalidIndex', `an index of ${index.size} bytes; the limit is ${MAX_INDEX}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await readExactly(index, 0, index.size, 'index'))
  } catch (error) {
    throw error instanceof CheckpointError
      ? error
      : new CheckpointError('InvalidIndex', 'the index is not UTF-8 text', { cause: error })
  } finally {
    await index.close?.()
  }
}
