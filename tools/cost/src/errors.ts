/** What cannot be counted as asked: names the value, what was expected, and what to do. */
export class CostError extends Error {
  override readonly name = 'CostError'
}
