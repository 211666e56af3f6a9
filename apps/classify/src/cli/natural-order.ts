/**
 * Compares as a person sorts: case ignored, runs of digits by their value (n9 before n10). Equal keys keep their order.
 * Specification: preprocessing 7.
 */
export function compareNatural(a: string, b: string): number {
  const [x, y] = [parts(a), parts(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [p, q] = [x[i]!, y[i]!]
    // Odd places hold the digits, as `split` keeps what it captures.
    const order = i % 2 === 1 ? compare(BigInt(p), BigInt(q)) : compare(p, q)
    if (order !== 0) return order
  }
  return x.length - y.length
}

const parts = (text: string): string[] => text.toLowerCase().split(/(\d+)/)

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
