import type { TensorEntry } from './entry.js'
import type { PyValue } from './pickle/values.js'

/** An open checkpoint file: what is in it, and where. Weights stay on disk until an entry is read. */
export interface Checkpoint {
  readonly format: 'safetensors' | 'pytorch' | 'pytorch-legacy'
  /** `__metadata__` of a safetensors file; empty for PyTorch files. */
  readonly metadata: ReadonlyMap<string, string>
  /**
   * Every tensor by name. In PyTorch files the name is the path through the object, joined with dots
   * (`state_dict_ema.head.weight`); `stateDict` finds the weights of a model among them.
   */
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** The decoded object of a PyTorch file, with tensors inside; undefined for safetensors. */
  readonly object: PyValue | undefined
  /** Closes the source. Entries cannot be read afterwards. */
  close(): Promise<void>
}
