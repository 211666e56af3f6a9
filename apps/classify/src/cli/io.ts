/** A stream that text goes to. */
export interface TextOut {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** The outside world of one command, so that tests can stand in for it. */
export interface Io {
  readonly stdout: TextOut
  readonly stderr: TextOut
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal
}
