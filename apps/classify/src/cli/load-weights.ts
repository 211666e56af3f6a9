import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Checkpoint } from '@scanline/checkpoint'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { createHub, type DiskFile, type Hub, hostFacts, parseRef } from '@scanline/hub'
import { exitCodes, Failure } from './failure.js'
import { isUrl } from './inputs.js'
import type { Progress } from './progress.js'

export interface WeightsOptions {
  readonly hub: Hub<DiskFile>
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Opens what `--weights` names: a file on this machine, a hub id, or an address. The caller closes it. */
export async function openWeights(text: string, { hub, signal, progress }: WeightsOptions): Promise<Checkpoint> {
  if (existsSync(text)) return openCheckpointFile(text)
  if (looksLikeFile(text)) throw new Failure(`--weights ${text}: no such file`)
  const ref = parseWeightsRef(text)
  const file = await hub.file(ref, {
    signal,
    onProgress: ({ received, total }) => progress.update(received, total, `downloading ${text}`),
  })
  progress.clear()
  return openCheckpointFile(file.path)
}

export const weightsHub = (offline: boolean): Hub<DiskFile> => createHub(offline ? { offline } : {})

/** Whether the environment asks for offline mode. */
export const isOffline = (env: Readonly<Record<string, string | undefined>>): boolean => hostFacts(env, homedir(), join).offline

/** `org/name` could be a path too; a checkpoint's extension or a leading dot, slash or drive letter says that it is one. */
function looksLikeFile(text: string): boolean {
  if (isUrl(text)) return false
  return (
    /^(\.|\/|~|[a-z]:[\\/])|\\/i.test(text) || (/\.(safetensors|pth|pt|bin|tar|ckpt|json)$/i.test(text) && !text.includes(':'))
  )
}

function parseWeightsRef(text: string): ReturnType<typeof parseRef> {
  try {
    return parseRef(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure(`--weights: no such file, and ${reason}`, exitCodes.usage, { cause: error })
  }
}
