import { type Draws, drawsFrom, type OperationName } from '@scanline/image'

export type WrittenDraw = [kind: string, limits: number[], value: number | string]

/** Draws of a reference trace, in order; a call of another kind or with other limits fails. */
export function replay(
  written: readonly WrittenDraw[],
  { operations = [], noise }: { operations?: readonly OperationName[]; noise?: (values: Float32Array, k: number) => void } = {},
): Draws & { readonly left: number } {
  let next = 0
  let patches = 0
  const take = (kinds: string[], limits: number[]): number => {
    const [kind, given, value] = written[next++] ?? ['nothing', [], 0]
    const same = given.length === limits.length && given.every((v, i) => Math.abs(v - limits[i]!) < 1e-12)
    if (!kinds.includes(kind) || !same) throw new Error(`draw ${next} is ${kind}(${given}), asked for ${kinds[0]}(${limits})`)
    return typeof value === 'string' ? operations.indexOf(value as OperationName) : value
  }
  return {
    get left() {
      return written.length - next
    },
    random: () => take(['random', 'flip'], []),
    uniform: (low, high) => take(['uniform'], [low, high]),
    integer: (low, high) => take(['randint'], [low, high]),
    normal: (mean, std) => take(['gauss'], [mean, std]),
    choice: (count) => take(['choice', 'operation'], [count]),
    noise: (values) => noise?.(values, patches++),
  }
}

/** Draws from a small generator (mulberry32), enough for tests. */
export function drawsOf(seed: number): Draws {
  let state = seed | 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return drawsFrom({ uniform, normal })
}
