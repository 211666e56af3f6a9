/**
 * - `unknown-format`: the bytes are no image that this package knows.
 * - `unsupported`: a known format, or a feature of one, that is not decoded here.
 * - `truncated`: the data ends too early.
 * - `corrupt`: the data contradicts itself or its checksum.
 * - `too-large`: the declared size is over the limit; nothing was allocated.
 * - `argument`: a call with a size, box or option that cannot be served.
 */
export type ImageErrorCode = 'unknown-format' | 'unsupported' | 'truncated' | 'corrupt' | 'too-large' | 'argument'

/** What every function of this package throws. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly code: ImageErrorCode

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Error for data of `format` that ends before `what`. */
export function truncated(format: string, what: string): ImageError {
  return new ImageError('truncated', `${format} data ends early: ${what}. The file is cut off; copy or download it again.`)
}

/** Error for data of `format` that contradicts itself. */
export function corrupt(format: string, what: string): ImageError {
  return new ImageError(
    'corrupt',
    `${format} data is damaged: ${what}. Copy or download the file again, or re-save it from the original.`,
  )
}

/** Error for a feature of `format` that is not decoded. */
export function unsupported(format: string, what: string): ImageError {
  return new ImageError(
    'unsupported',
    `${format} with ${what} is not supported. Convert the file to PNG or to a baseline JPEG first.`,
  )
}

export function invalid(message: string): ImageError {
  return new ImageError('argument', message)
}
