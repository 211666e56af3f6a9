import { byteLengthOf } from '../dtype.js'
import { readAll } from '../entry.js'
import { type PyWritable, pickle } from '../pickle/write.js'
import { ZipWriter } from '../zip/write.js'

const utf8 = new TextEncoder()

/**
 * Writes a PyTorch zip checkpoint (spec/checkpoints 4) that `torch.load(..., weights_only=True)` accepts, as chunks. Tensors are read
 * one at a time; one that occurs twice is written once, and shared when loaded. For weights alone prefer safetensors.
 *
 * @throws CheckpointError InvalidValue or InvalidTensor before the first chunk; InvalidTensor when a tensor gives another number of
 * bytes than its shape asks for
 * @example
 * writePytorch({ epoch: 3, arch: 'mambaout_femto', version: 2, state_dict: new OrderedDict(weights) })
 */
export async function* writePytorch(value: PyWritable): AsyncGenerator<Uint8Array> {
  const { bytes, storages } = pickle(value)
  const zip = new ZipWriter()
  yield* zip.entry('archive/data.pkl', bytes)
  yield* zip.entry('archive/byteorder', utf8.encode('little'))
  for (const [key, tensor] of storages.entries()) {
    const length = byteLengthOf(tensor.dtype, tensor.shape) as number
    yield* zip.entry(`archive/data/${key}`, await readAll(tensor, length, `of storage ${key}`))
  }
  yield* zip.entry('archive/version', utf8.encode('3\n'))
  yield zip.end()
}
