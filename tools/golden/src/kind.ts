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
export const noteUnknown = (context: Context, file: Field, known: readonly string[]): Promise<void> =>
  noteFields(context, file, ({ value }, name) => typeof value === 'object' && value !== null && !known.includes(name))

/** Numbers that every kind knows, or that say how exact others are. */
const remarks = /^(params|loss|grad_l2(_total)?|(\w+_)?error(_\w+)?)$/

/** The same for files whose numbers and flags are all read too: only a text, or null, may be a remark. */
export const noteUnread = (context: Context, file: Field, known: readonly string[]): Promise<void> =>
  noteFields(
    context,
    file,
    ({ value }, name) =>
      value !== null && typeof value !== 'string' && !known.includes(name) && !(typeof value === 'number' && remarks.test(name)),
  )

async function noteFields(context: Context, file: Field, isUnread: (field: Field, name: string) => boolean): Promise<void> {
  for (const [name, field] of file.entries())
    if (isUnread(field, name))
      await context.part(field.path, () => {
        throw new NotSupportedError('what this field holds')
      })
}
