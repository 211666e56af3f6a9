/** FNV-1a, 32 bits, of the UTF-8 bytes of `text`. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** A 32-bit hash of a 32-bit number. */
export function lowbias32(value: number): number {
  let x = value | 0
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  x ^= x >>> 16
  return x >>> 0
}

const GOLDEN_RATIO = 0x9e3779b9

/** The random word number `i` of `seed`. */
export const wordAt = (seed: number, i: number): number => lowbias32(seed + Math.imul(i, GOLDEN_RATIO))

/** The value of element `i` from its random number `v`, which lies in (-1, 1). */
type Formula = (v: number, i: number) => number

const around = (centre: number, spread: number) => (): Formula => (v) => centre + spread * v

/** Which entries of a state dict get their values by which formula. */
export interface FillRule {
  readonly holds: (entry: { name: string; leaf: string; shape: readonly number[] }) => boolean
  readonly formula: (shape: readonly number[]) => Formula
}

const leaf =
  (...names: readonly string[]) =>
  (entry: { leaf: string }) =>
    names.includes(entry.leaf)

/** [1, C, 1] and [1, C, 1, 1]: norms over channels that are kept ready to broadcast. */
const broadcastShape = (shape: readonly number[]): boolean =>
  (shape.length === 3 || shape.length === 4) && shape.every((d, axis) => axis === 1 || d === 1)
const broadcastNorm = (name: string, shape: readonly number[]): boolean => name.includes('norm') && broadcastShape(shape)

export interface FillOptions {
  /** Of a file, before all others. */
  readonly extraRules?: readonly FillRule[]
}

/** `leaf` of the shape [1, C, 1] or [1, C, 1, 1] is `centre` + `spread` v, whatever the rest of its name is. */
export const broadcastRule = (name: string, centre: number, spread: number): FillRule => ({
  holds: ({ leaf, shape }) => leaf === name && broadcastShape(shape),
  formula: around(centre, spread),
})

/** The first rule that holds for an entry gives its values. */
const rules: readonly FillRule[] = [
  { holds: leaf('num_batches_tracked'), formula: () => () => 0 },
  { holds: leaf('running_mean'), formula: around(0, 0.1) },
  { holds: leaf('running_var'), formula: around(1, 0.5) },
  {
    holds: leaf('A_log', 'A_b_log'),
    formula: (shape) => {
      const columns = shape.at(-1) ?? 1
      return (v, i) => Math.log(1 + (i % columns)) + 0.1 * v
    },
  },
  { holds: leaf('D', 'D_b'), formula: around(1, 0.1) },
  { holds: leaf('A'), formula: around(8.5, 7.5) },
  { holds: leaf('alpha'), formula: around(0, 0.5) },
  { holds: leaf('gamma', 'gamma_1', 'gamma_2', 'gamma1', 'gamma2'), formula: around(0.5, 0.1) },
  { holds: ({ name }) => name.endsWith('dt_proj.bias') || name.endsWith('dt_proj_b.bias'), formula: around(-3, 0.5) },
  { holds: leaf('pos_embed', 'cls_token', 'absolute_pos_embed'), formula: around(0, 0.1) },
  { holds: ({ name, leaf, shape }) => leaf === 'weight' && broadcastNorm(name, shape), formula: around(1, 0.1) },
  { holds: ({ name, leaf, shape }) => leaf === 'bias' && broadcastNorm(name, shape), formula: around(0, 0.1) },
  {
    holds: ({ shape }) => shape.length >= 2,
    formula: (shape) => {
      const scale = Math.sqrt(3 / shape.slice(1).reduce((n, d) => n * d, 1))
      return (v) => v * scale
    },
  },
  { holds: ({ leaf, shape }) => leaf === 'weight' || shape.length === 0, formula: around(1, 0.1) },
  { holds: () => true, formula: around(0, 0.1) },
]

/**
 * The values of the state-dict entry `name` under `salt`, row-major: what the reference implementations were given. They
 * depend on the name, the shape and the salt only. Rules: the reference values' README, "Filling a tensor".
 *
 * @example
 * const weight = fillTensor('head.fc.weight', [1000, 1152], 'g1')
 */
export function fillTensor(
  name: string,
  shape: readonly number[],
  salt: string,
  { extraRules = [] }: FillOptions = {},
): Float32Array {
  const entry = { name, leaf: name.slice(name.lastIndexOf('.') + 1), shape }
  const { formula } = [...extraRules, ...rules].find((rule) => rule.holds(entry)) as FillRule
  return generate(name, shape, salt, formula(shape))
}

/**
 * The values of an input: numbers in (-1, 1), rounded to float32, times `scale`, rounded again.
 *
 * @example
 * const image = fillInput('input', [1, 3, 224, 224], 'g1')
 */
export function fillInput(name: string, shape: readonly number[], salt: string, scale = 1): Float32Array {
  const factor = Math.fround(scale)
  return generate(name, shape, salt, (v) => Math.fround(v) * factor)
}

function generate(name: string, shape: readonly number[], salt: string, value: Formula): Float32Array {
  const seed = fnv1a32(`${salt}:${name}`)
  const out = new Float32Array(shape.reduce((n, d) => n * d, 1))
  for (let i = 0; i < out.length; i++) out[i] = value((wordAt(seed, i) + 0.5) / 2 ** 31 - 1, i)
  return out
}

/** A line of a file's `state`. */
export interface StateEntry {
  readonly name: string
  readonly shape: readonly number[]
  /** PyTorch's name: `float32`, `int64`. */
  readonly dtype: string
}

/**
 * Every entry of a state dict by name, filled: what `Module.loadStateDict` takes. `kept` names the entries that keep the
 * value the model computes for itself.
 *
 * @example
 * const state = fillState([...model.stateDict()].map(([name, { shape }]) => ({ name, shape })), 'g1')
 * await model.loadStateDict(state)
 */
export function fillState(
  entries: readonly Pick<StateEntry, 'name' | 'shape'>[],
  salt: string,
  kept: ReadonlySet<string> = new Set(),
  options: FillOptions = {},
): Map<string, { shape: readonly number[]; data: Float32Array }> {
  return new Map(
    entries
      .filter(({ name }) => !kept.has(name))
      .map(({ name, shape }) => [name, { shape, data: fillTensor(name, shape, salt, options) }]),
  )
}
