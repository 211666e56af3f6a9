import type { Checkpoint } from './checkpoint.js'
import { CheckpointError, inContext } from './errors.js'
import { openLegacy } from './pytorch/legacy.js'
import { openPytorch, type PytorchOptions } from './pytorch/read.js'
import { MAX_HEADER } from './safetensors/header.js'
import { openSafetensors } from './safetensors/read.js'
import { type ByteSource, readExactly } from './source.js'

/**
 * Opens a checkpoint of any known format, told apart by content: safetensors, PyTorch zip, PyTorch before 1.6. Reads the header or
 * the pickle only; nothing in the file is ever executed. The checkpoint owns the source and closes it, also when opening fails.
 *
 * @throws CheckpointError for files that are damaged, hostile or something else
 * @example
 * const checkpoint = await openCheckpoint(blobSource(file))
 * for (const entry of checkpoint.tensors.values()) upload(entry.name, entry.shape, toFloat32(await entry.read(), entry.dtype))
 */
export async function openCheckpoint(source: ByteSource, options: PytorchOptions = {}): Promise<Checkpoint> {
  try {
    return await inContext(source.name, () => open(source, options))
  } catch (error) {
    await source.close?.()
    throw error
  }
}

async function open(source: ByteSource, options: PytorchOptions): Promise<Checkpoint> {
  const head = await readExactly(source, 0, Math.min(source.size, 512), 'start of the file')
  // First: the length of a safetensors header may by chance begin like the other formats (640 is 80 02). Their ninth byte is never a brace.
  if (looksLikeSafetensors(head)) return openSafetensors(source)
  if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06')) return openPytorch(source, options)
  if (head[0] === 0x80 && (head[1] as number) >= 2 && (head[1] as number) <= 5) return openLegacy(source, options)
  refuseOtherFiles(head)
  return openSafetensors(source)
}

function looksLikeSafetensors(head: Uint8Array): boolean {
  if (head.length < 9 || head[8] !== 0x7b) return false
  return new DataView(head.buffer, head.byteOffset).getBigUint64(0, true) <= MAX_HEADER
}

function startsWith(bytes: Uint8Array, text: string, at = 0): boolean {
  return [...text].every((char, i) => bytes[at + i] === char.charCodeAt(0))
}

function refuseOtherFiles(head: Uint8Array): void {
  if (head.length === 0) throw new CheckpointError('EmptyFile', 'the file is empty; the download may have failed: fetch it again')
  // A damaged safetensors file may begin with the code of a brace, but its length has zeros behind it.
  const text = head.subarray(0, 8).includes(0) ? '' : new TextDecoder().decode(head).trimStart()
  const other = (what: string): never => {
    throw new CheckpointError('NotACheckpoint', what)
  }
  if (text.startsWith('version https://git-lfs'))
    other('this is a Git LFS pointer, not the file itself; run `git lfs pull`, or download the file from its page')
  if (/^<(!doctype|html|\?xml|head|body)/i.test(text))
    other('this is a web page, not a checkpoint: the download was answered with an error or a login page; check the address')
  if (startsWith(head, 'ustar', 257))
    other(
      'this is a tar archive: either packed files, or a checkpoint from before PyTorch 0.1.10; unpack it, or load and save it with PyTorch',
    )
  if (/^[{[]/.test(text))
    other(
      'this is a JSON file; for weights split over several files open the index with openSharded, else look for the file with the weights',
    )
  if (head[0] === 0x1f && head[1] === 0x8b) other('this file is compressed with gzip; decompress it first')
  if (startsWith(head, 'GGUF'))
    other('this is a GGUF file, which is not supported; look for the safetensors version of the model')
  if (startsWith(head, 'HDF\r\n', 1))
    other('this is an HDF5 file (Keras), which is not supported; look for the safetensors version of the model')
  if (startsWith(head, 'NUMPY', 1)) other('this is a NumPy array, not a checkpoint')
}
