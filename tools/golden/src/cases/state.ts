import type { Module } from '@scanline/nn'
import type { Tensor } from '@scanline/tensor'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { broadcastRule, type FillOptions, fillState, type StateEntry } from '../fill.js'
import type { Context } from '../kind.js'

/** A file's `state`: name, shape and type of every entry, in order. */
export function readState(field: Field): StateEntry[] {
  return field.list().map((line) => {
    const [name, shape, dtype] = line.tuple(3)
    return { name: name.string(), shape: shape.shape(), dtype: dtype.string() }
  })
}

interface Line {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

/** Only counters are whole numbers; how long floats are is the device's business. */
const spell = ({ name, shape, dtype }: Line): string =>
  `${name} [${shape.join(', ')}]${/^(i|int)64$/.test(dtype) ? ' of whole numbers' : ''}`

/** Compares a state dict with the file's list: names, shapes, types and order. The error is the number of lines that differ. */
export function checkState(
  context: Context,
  name: string,
  actual: ReadonlyMap<string, Pick<Tensor, 'shape' | 'dtype'>>,
  expected: readonly StateEntry[],
): void {
  const ours = [...actual].map(([name, { shape, dtype }]) => spell({ name, shape, dtype }))
  const theirs = expected.map(spell)
  const lines = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => i)
  const different = lines.filter((i) => ours[i] !== theirs[i])
  const [first] = different
  context.check({
    name,
    error: different.length,
    bound: 0,
    ...(first !== undefined && {
      note: `entry ${first} is ${ours[first] ?? 'missing'} instead of ${theirs[first] ?? 'nothing'}`,
    }),
  })
}

/** Fills a module as the file says; entries that it lists as `kept` stay as the module computed them. */
export async function fillModule(
  module: Module,
  entries: readonly StateEntry[],
  salt: string,
  kept?: Field,
  options: FillOptions = {},
): Promise<void> {
  const names = new Set(kept?.list().map((entry) => (Array.isArray(entry.value) ? entry.list()[0] : entry).string()))
  const unknown = [...names].find((name) => !entries.some((entry) => entry.name === name))
  if (unknown !== undefined) kept?.fail(`"${unknown}" is no entry of state`)
  await module.loadStateDict(fillState(entries, salt, names, options), { strict: names.size === 0 })
}

/**
 * Compares a module's state dict and size with a file's, or an entry's, and fills it as that says. `actual` is the state dict
 * where its names or shapes are not the module's own, `rules` what has the `extra_fill_rules`; `prefix` goes before the names
 * of the checks.
 */
export async function fillListed(
  context: Context,
  entry: Field,
  module: Module,
  salt: string,
  {
    prefix = '',
    actual = module.stateDict(),
    rules = entry,
  }: {
    readonly prefix?: string
    readonly actual?: ReadonlyMap<string, Pick<Tensor, 'shape' | 'dtype'>>
    readonly rules?: Field
  } = {},
): Promise<void> {
  const listed = entry.maybe('state')
  const expected = listed && readState(listed)
  if (expected) checkState(context, `${prefix}state`, actual, expected)
  const params = entry.maybe('params')
  if (params) context.check({ name: `${prefix}params`, error: Math.abs(module.parameterCount() - params.count()), bound: 0 })
  const entries = expected ?? [...actual].map(([name, { shape, dtype }]) => ({ name, shape, dtype }))
  await fillModule(module, entries, salt, entry.maybe('kept'), readFillOptions(rules.maybe('extra_fill_rules')))
}

/** A file's `extra_fill_rules`. Throws `NotSupportedError` for others than those of norms that are stored to broadcast. */
export function readFillOptions(rules: Field | undefined): FillOptions {
  const extraRules = (rules?.list() ?? []).map((rule) => {
    const [shape, value] = [rule.at('shape').string(), rule.at('value').string()]
    const numbers = /^(?:([\d.]+) \+ )?([\d.]+) v$/.exec(value)
    if (shape !== '[1, C, 1] or [1, C, 1, 1]' || !numbers)
      throw new NotSupportedError(`${rule.path}: ${JSON.stringify(rule.value)}`)
    return broadcastRule(rule.at('leaf').string(), Number(numbers[1] ?? 0), Number(numbers[2]))
  })
  return { extraRules }
}
