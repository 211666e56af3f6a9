/**
 * Compares as a person sorts: case ignored, runs of digits by their value (n9 before n10). Equal keys compare as 0, so
 * that a stable sort keeps their order. Specification: preprocessing 7.
 */
export function compareNatural(a: string, b: string): number {
  const [x, y] = [parts(a), parts(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [p, q] = [x[i]!, y[i]!]
    // Odd places hold the digits, as `split` keeps what it captures.
    const order = i % 2 === 1 ? compareWhole(BigInt(p), BigInt(q)) : compareCodePoints(p, q)
    if (order !== 0) return order
  }
  return x.length - y.length
}

const parts = (text: string): string[] => text.toLowerCase().split(/(\d+)/)

const compareWhole = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** Compares by code points, as Python does; `<` compares UTF-16 units, which differs beyond the basic plane. */
export function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [p, q] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (p !== q) return rank(p) - rank(q)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit)
