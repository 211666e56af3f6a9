/**
 * - `unreadable`: a folder or file that cannot be opened.
 * - `empty`: no image was found where images should be.
 * - `empty-class`: a class without images.
 * - `labels`: classes that contradict a class map, another folder or the number of a model's outputs.
 * - `damaged`: an image that cannot be decoded, where that is to stop the run.
 * - `worker`: a thread that ended by itself.
 * - `closed`: the loader was closed.
 * - `argument`: a call that cannot be served.
 */
export type DatasetErrorCode = 'unreadable' | 'empty' | 'empty-class' | 'labels' | 'damaged' | 'worker' | 'closed' | 'argument'

/** What every function of this package throws. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError'
  readonly code: DatasetErrorCode

  constructor(code: DatasetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Names in a message: the first few, and how many more there are. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map((name) => JSON.stringify(name))
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ')
}
