/** What cannot be measured as asked: names the value, what was expected, and what to do. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
}
