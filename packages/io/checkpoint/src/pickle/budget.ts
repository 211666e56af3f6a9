import { CheckpointError } from '../errors.js'

/** Longest pickle that is read. Those of the largest published models take a few MiB. */
export const MAX_PICKLE = 32 * 2 ** 20
/** Containers, tensors and copied items of one file: bounds time and memory to some hundred MB. A model with its optimizer has some ten thousand. */
const MAX_NODES = 1_000_000
/** Bytes by which the views of one file may exceed their storages (`expand` makes strides of zero). */
const MAX_EXPANSION = 256 * 2 ** 20

/** What one file may still cost. The memo lets a few bytes stand for a large value, so copies are counted, not only bytes read. */
export class Budget {
  private nodes = MAX_NODES
  private expansion = MAX_EXPANSION

  spend(nodes: number): void {
    if ((this.nodes -= nodes) < 0)
      throw new CheckpointError(
        'LimitExceeded',
        `the pickle builds more than ${MAX_NODES} objects; it is hostile or holds far more than weights`,
      )
  }

  expand(viewBytes: number, storageBytes: number): void {
    if (viewBytes > storageBytes && (this.expansion -= viewBytes - storageBytes) < 0)
      throw new CheckpointError(
        'LimitExceeded',
        `a view of ${viewBytes} bytes is made of a storage of ${storageBytes}; views may exceed their storages by ${MAX_EXPANSION} bytes in all`,
      )
  }
}
