export type { Checkpoint } from './checkpoint.js'
export { type ElementArray, toFloat32, toFloat64, toTypedArray } from './decode.js'
export { bitsOf, byteLengthOf, bytesPerElement, DTYPES, type DType } from './dtype.js'
export { type TensorData, type TensorEntry, tensorData } from './entry.js'
export { CheckpointError, type CheckpointErrorCode } from './errors.js'
export { openCheckpoint } from './open.js'
export {
  PyComplex,
  PyDict,
  PyGlobal,
  PyOpaque,
  PyRecord,
  PySet,
  PyTuple,
  type PyValue,
  TorchDevice,
  TorchDtype,
  TorchSize,
} from './pickle/values.js'
export { OrderedDict, type PyWritable } from './pickle/write.js'
export { openLegacy } from './pytorch/legacy.js'
export { openPytorch, type PytorchOptions } from './pytorch/read.js'
export { PyStorage, PyTensor, type StorageBlock } from './pytorch/tensor.js'
export { writePytorch } from './pytorch/write.js'
export { openSafetensors } from './safetensors/read.js'
export { writeSafetensors } from './safetensors/write.js'
export { openSharded, parseIndex } from './sharded.js'
export { type BlobLike, type ByteSource, blobSource, bytesSource, readExactly } from './source.js'
export { stateDict } from './state-dict.js'
