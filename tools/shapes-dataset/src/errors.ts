/** What cannot be asked for, or a folder that cannot be used. */
export class ShapesError extends Error {
  override readonly name = 'ShapesError'
}
