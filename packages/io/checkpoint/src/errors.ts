/** What is wrong with a file. The first group are the names of the safetensors reference library. */
export type CheckpointErrorCode =
  | 'HeaderTooSmall'
  | 'HeaderTooLarge'
  | 'InvalidHeaderLength'
  | 'InvalidHeader'
  | 'DuplicateKey'
  | 'InvalidOffset'
  | 'ValidationOverflow'
  | 'MisalignedSlice'
  | 'TensorInvalidInfo'
  | 'MetadataIncompleteBuffer'
  /** Nothing in the file, or something that is plainly not a checkpoint. */
  | 'EmptyFile'
  | 'NotACheckpoint'
  /** The file ends before what it announces. */
  | 'Truncated'
  | 'InvalidZip'
  | 'InvalidArchive'
  | 'TorchScript'
  | 'InvalidLegacy'
  | 'InvalidPickle'
  /** An opcode, or a class or function, that a checkpoint of plain weights has no use for. Nothing was called. */
  | 'ForbiddenOpcode'
  | 'ForbiddenGlobal'
  | 'InvalidStorage'
  | 'InvalidView'
  | 'UnsupportedTensor'
  | 'UnsupportedDtype'
  /** Honest files stay far below these limits; they keep a small hostile one from filling the memory. */
  | 'LimitExceeded'
  | 'InvalidIndex'
  | 'NoStateDict'
  /** What was handed to a writer cannot be written. */
  | 'InvalidTensor'
  | 'InvalidValue'
  | 'FileAccess'

/** The one error of this package: `code` for programs, `message` (what, where, and the next step) for people. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError'

  readonly code: CheckpointErrorCode

  constructor(code: CheckpointErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** The same error, told where it happened: `context: message`. */
  within(context: string): CheckpointError {
    return new CheckpointError(this.code, `${context}: ${this.message}`, { cause: this.cause })
  }
}

/** Runs `action`; a CheckpointError that leaves it names `context`. */
export async function inContext<T>(context: string | undefined, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw context !== undefined && error instanceof CheckpointError ? error.within(context) : error
  }
}

/** A shape for a message: `[2, 3]`. */
export const shapeText = (shape: readonly (number | bigint)[]): string =>
  `[${shape.slice(0, 16).join(', ')}${shape.length > 16 ? ', ...' : ''}]`

/** Text from an untrusted file, short and visible enough for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}
