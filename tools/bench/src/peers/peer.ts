import type { Case, Runner } from '../cases.js'
import type { Subject } from '../subjects/subject.js'

/** Another library that runs the same case beside Scanline, on the same machine in the same run. */
export interface Peer {
  readonly name: string
  /** What it computes on: `wasm`, `cpu`. */
  readonly device: string
  /** How it is set up and timed, for the report. */
  readonly about: string
  /** Why it cannot run a case; undefined where it can. */
  refuses(what: Case): string | undefined
  /**
   * Makes in a process of its own what `open` needs from Scanline (a model file), so that `open`'s process holds only the
   * peer. `folder` is removed at the end.
   */
  prepare?(what: Case, folder: string): Promise<void>
  open(what: Case, runner: Runner, folder: string): Promise<Subject>
}
