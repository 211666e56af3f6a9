/**
 * A reference file, or an argument, that cannot be used: names the field and what was expected there. Whoever reads the
 * file puts its name in front.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  /** Where in the file: `stages.stem.shape`, `blocks[2].args.dim`; empty for the file itself. */
  readonly field: string

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(field ? `${field}: ${message}` : message, options)
    this.field = field
  }
}

/** Something that the format knows and this package does not run yet. It counts as not holding. */
export class NotSupportedError extends Error {
  override readonly name = 'NotSupportedError'
}
