/** Exit statuses; `--help` documents them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** A failure whose message is meant for the user as it stands. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: number
  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Text from files, servers and names, made safe for one line of a terminal. */
export function oneLine(text: string): string {
  // Control characters (Cc) could move the cursor or start an escape sequence.
  return text
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/\p{Cc}/gu, '\ufffd')
    .trim()
}

/** What to tell the user about any error: its message, in one line, with the system's reason where the message hides it. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error))
  const cause = error.cause instanceof Error && error.message === 'fetch failed' ? `: ${reason(error.cause)}` : ''
  return oneLine(`${error.message || error.name}${cause}`)
}

function reason(cause: Error): string {
  const { code } = cause as { code?: unknown }
  return cause.message || (typeof code === 'string' ? code : cause.name)
}
