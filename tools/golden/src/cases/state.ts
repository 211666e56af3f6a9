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

const spell = ({ name, shape }: { name: string; shape: readonly number[] }): string => `${name} [${shape.join(', ')}]`

/** Compares a state dict with the file's list: names, shapes and order. The error is the number of lines that differ. */
export function checkState(
  context: Context,
  name: string,
  actual: ReadonlyMap<string, Pick<Tensor, 'shape'>>,
  expected: readonly StateEntry[],
): void {
  const ours = [...actual].map(([name, { shape }]) => spell({ name, shape }))
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
