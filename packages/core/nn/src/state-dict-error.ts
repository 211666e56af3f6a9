import { formatShape, ScanlineError, type Shape } from '@scanline/tensor'
import { closest } from './closest.js'

export interface ShapeMismatch {
  readonly name: string
  readonly expected: Shape
  readonly found: Shape
}

/** What does not fit between a model and a state dict. */
export interface StateDictProblems {
  /** The model has them, the state dict has not. */
  readonly missing: readonly string[]
  /** The state dict has them, the model has not. */
  readonly unexpected: readonly string[]
  readonly mismatched: readonly ShapeMismatch[]
}

const shown = 8

/** A state dict that does not fit its model. Nothing was written. */
export class StateDictError extends ScanlineError implements StateDictProblems {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
  readonly mismatched: readonly ShapeMismatch[]

  constructor(model: string, problems: StateDictProblems, known: Iterable<string>) {
    super('STATE_DICT', describe(model, problems, [...known]))
    this.missing = problems.missing
    this.unexpected = problems.unexpected
    this.mismatched = problems.mismatched
  }
}

function describe(model: string, { missing, unexpected, mismatched }: StateDictProblems, known: readonly string[]): string {
  const hint = (name: string, among: readonly string[], what: string): string => {
    const [near] = closest(name, among, 1)
    return near === undefined ? name : `${name} (${what} ${near})`
  }
  const parts = [
    list(
      'missing',
      missing.map((name) => () => hint(name, unexpected, 'the state dict has')),
    ),
    list(
      'unexpected',
      unexpected.map((name) => () => hint(name, known, 'the model has')),
    ),
    list(
      'with another shape',
      mismatched.map(
        ({ name, expected, found }) =>
          () =>
            `${name} is ${formatShape(found)} instead of ${formatShape(expected)}`,
      ),
    ),
  ].filter((part) => part !== '')
  const advice =
    mismatched.length === 0 && missing.length + unexpected.length > 0
      ? '; load another checkpoint, or pass { strict: false } to load what fits'
      : '; build the model with the configuration of this checkpoint'
  return `the state dict does not fit ${model}: ${parts.join('; ')}${advice}`
}

/** Lines are made only where they are shown: finding the closest names takes time. */
function list(what: string, lines: readonly (() => string)[]): string {
  if (lines.length === 0) return ''
  const rest = lines.length > shown ? `, and ${lines.length - shown} more` : ''
  return `${lines.length} ${what}: ${lines
    .slice(0, shown)
    .map((line) => line())
    .join(', ')}${rest}`
}
