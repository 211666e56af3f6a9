import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Checkpoint, CheckpointError } from '@scanline/checkpoint'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { createHub, type DiskFile, type Hub, hostFacts, NetworkError, parseRef } from '@scanline/hub'
import { StateDictError } from '@scanline/nn'
import { exitCodes, Failure } from './failure.js'
import { isUrl } from './inputs.js'
import type { Progress } from './progress.js'
import { runWeights } from './run-weights.js'

export interface WeightsOptions {
  readonly hub: Hub<DiskFile>
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Of a file of `train` that has both: the averaged weights (default), or those of the last step. */
  readonly averaged?: boolean | undefined
  /** How the command line names them. */
  readonly flag?: string
}

/** Opens what `--weights` names: a file on this machine, a hub id, or an address. The caller closes it. */
export async function openWeights(text: string, options: WeightsOptions): Promise<Checkpoint> {
  return runWeights(await openFile(text, options), options.averaged ?? true)
}

async function openFile(text: string, { hub, signal, progress, flag = '--weights' }: WeightsOptions): Promise<Checkpoint> {
  if (existsSync(text)) return openCheckpointFile(text)
  if (looksLikeFile(text)) throw new Failure(`${flag} ${text}: no such file`)
  const ref = parseWeightsRef(text, flag)
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

function parseWeightsRef(text: string, flag: string): ReturnType<typeof parseRef> {
  try {
    return parseRef(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure(`${flag}: no such file, and ${reason}`, exitCodes.usage, { cause: error })
  }
}

/** What went wrong with weights, in the words of the command line: which file, which model, what to do. */
export function asWeightsFailure(
  error: unknown,
  { weights, model, flag = '--weights' }: { readonly weights?: string; readonly model: string; readonly flag?: string },
): unknown {
  const source = weights === undefined ? `the published weights of ${model}` : `${flag} ${weights}`
  const failure = (message: string): Failure => new Failure(message, exitCodes.failed, { cause: error })
  if (error instanceof StateDictError)
    return failure(`${source}: these are not weights of ${model}: ${misfit(error)}; name the model that they are of with --model`)
  if (error instanceof CheckpointError && error.code === 'NoStateDict') return failure(`${source}: ${error.message}`)
  if (error instanceof NetworkError)
    return failure(`${error.message}; check the connection, or give a file that you have with --weights`)
  return error
}

/** One example of each kind says enough: which model a file is of shows in any of its entries. */
function misfit({ missing, unexpected, mismatched }: StateDictError): string {
  const [shape] = mismatched
  return [
    missing.length > 0 && `${missing.length} missing (such as ${missing[0]})`,
    unexpected.length > 0 && `${unexpected.length} unknown (such as ${unexpected[0]})`,
    shape &&
      `${mismatched.length} of another shape (${shape.name} is [${shape.found.join(', ')}], not [${shape.expected.join(', ')}])`,
  ]
    .filter((part) => typeof part === 'string')
    .join(', ')
}
