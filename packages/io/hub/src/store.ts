import type { Sink } from './download.js'
import type { RemoteInfo } from './info.js'
import type { Ref } from './ref.js'

/** A model file that is on this machine. */
export interface HubFile {
  /** Bytes. */
  readonly size: number
  /** True when no byte of it was downloaded by this call. */
  readonly fromCache: boolean
  /** The content, read from storage as it is consumed. */
  blob(): Promise<Blob>
}

/** A download under way. One process alone owns it until it is committed, released or discarded. */
export interface Part<F> extends Sink {
  /** Whether it began with bytes of an earlier call. */
  readonly resumed: boolean
  sha256(): Promise<string>
  /** Puts the complete file in its place, all at once. */
  commit(): Promise<F>
  /** Leaves the bytes for a later call. */
  release(): Promise<void>
  discard(): Promise<void>
}

/** A cache of complete files and of parts that can be continued. */
export interface Store<F extends HubFile> {
  /** The copy that the reference stood for when a server was last asked. */
  find(ref: Ref): Promise<F | undefined>
  /** The copy of this very version; from now on the reference stands for it. */
  findVersion(info: RemoteInfo): Promise<F | undefined>
  open(info: RemoteInfo): Promise<Part<F>>
  sha256(file: F): Promise<string>
  /** Where {@link find} looks, in words for an error message. */
  lookedAt(ref: Ref): string
}
