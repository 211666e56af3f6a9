/** What every function of this package throws. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError'
}
