import type { Checkpoint } from '../checkpoint.js'
import type { TensorEntry } from '../entry.js'
import { CheckpointError, quote } from '../errors.js'
import { type ByteSource, readExactly } from '../source.js'
import { MAX_HEADER, parseHeader } from './header.js'

/** Opens a safetensors file: reads its header only. @throws CheckpointError with the reference library's error names */
export async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  if (source.size < 8)
    throw new CheckpointError(
      'HeaderTooSmall',
      `a safetensors file starts with 8 bytes of header length, this file has ${source.size} bytes in all`,
    )
  const prefix = await readExactly(source, 0, 8, 'header length')
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > MAX_HEADER)
    throw new CheckpointError(
      'HeaderTooLarge',
      `header length ${length} is above ${MAX_HEADER}; this is no safetensors file, and no PyTorch checkpoint either`,
    )
  const start = 8 + Number(length)
  if (start > source.size)
    throw new CheckpointError(
      'InvalidHeaderLength',
      `the header should end at byte ${start}, but the file has ${source.size}; it was cut off, or is no safetensors file`,
    )
  const header = parseHeader(await readExactly(source, 8, Number(length), 'header'), source.size - start)
  const tensors = new Map<string, TensorEntry>()
  for (const { name, dtype, shape, begin, end } of header.entries) {
    const byteLength = end - begin
    const read = () => readExactly(source, start + begin, byteLength, `tensor ${quote(name)}`)
    tensors.set(name, { name, dtype, shape, byteLength, read })
  }
  return { format: 'safetensors', metadata: header.metadata, tensors, object: undefined, close: async () => source.close?.() }
}
