import type { Device } from './devices.js'
import { NotSupportedError } from './errors.js'
import type { Field } from './field.js'

/** How a device runs a case. */
export type Run = 'eager' | 'compiled'

/** One number beside its bound. */
export interface Check {
  /** `stages.stem`, `grads.head.fc.weight`, `files[3] jpeg_420.jpg`. */
  readonly name: string
  /** Absent where no device takes part. */
  readonly run?: Run
  /** Relative where tensors are compared, else counted in what is compared (levels, differences). */
  readonly error: number
  readonly bound: number
  readonly note?: string
}

/** NaN does not hold. */
export const holds = ({ error, bound }: Check): boolean => error <= bound

export interface Context {
  /** Of the file. */
  readonly path: string
  readonly device: Device
  check(check: Check): void
  /**
   * Runs a part of a file whose failure says nothing about the rest: `NotSupportedError` is noted as such, `FormatError`
   * ends the file, and any other error becomes a check that does not hold.
   */
  part(name: string, body: () => void | Promise<void>): Promise<void>
}

/** A kind of reference file. One file in `kinds/` each, listed in `kinds/index.ts`; the first that matches runs the file. */
export interface Kind {
  readonly name: string
  matches(file: Field, path: string): boolean
  /** Throws `FormatError` and `NotSupportedError`. */
  run(file: Field, context: Context): void | Promise<void>
}

/** Notes values of a file that nobody compares: a field that is not among `known` and holds more than a text or a number. */
export async function noteUnknown(context: Context, file: Field, known: readonly string[]): Promise<void> {
  for (const [name, { value, path }] of file.entries())
    if (typeof value === 'object' && value !== null && !known.includes(name))
      await context.part(path, () => {
        throw new NotSupportedError('what this field holds')
      })
}
