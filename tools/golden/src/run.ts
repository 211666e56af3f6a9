import { readFileSync } from 'node:fs'
import { type Device, type DeviceOptions, openDevice } from './devices.js'
import { FormatError, NotSupportedError } from './errors.js'
import { Field } from './field.js'
import { type Check, type Context, holds } from './kind.js'
import { kinds } from './kinds/index.js'

/** `unreadable`: the file is missing, no JSON, or malformed; then nothing in it counts. */
export type FileStatus = 'holds' | 'broken' | 'not supported yet' | 'unreadable'

export interface FileResult {
  readonly file: string
  readonly status: FileStatus
  readonly kind?: string
  readonly checks: readonly Check[]
  /** What the file asks for and this package does not run yet. */
  readonly notSupported: readonly string[]
  /** Why the file is unreadable. */
  readonly problem?: string
  readonly seconds: number
}

export interface RunOptions extends DeviceOptions {
  /** One of `deviceNames`. Default: `auto`. */
  readonly device?: string
}

/**
 * Runs reference files one after the other on one device, eager and compiled, and yields what came of each.
 * Throws `FormatError` for an unknown device, and what opening the device throws.
 *
 * @example
 * for await (const { file, status } of runFiles(['mambaout/femto_224.json'], { device: 'reference' })) console.log(file, status)
 */
export async function* runFiles(
  files: readonly string[],
  { device: name = 'auto', ...options }: RunOptions = {},
): AsyncGenerator<FileResult, void, undefined> {
  const device = await openDevice(name, options)
  try {
    for (const file of files) yield await runFile(file, device)
  } finally {
    device.backend.dispose()
  }
}

async function runFile(file: string, device: Device): Promise<FileResult> {
  const started = performance.now()
  const checks: Check[] = []
  const notSupported: string[] = []
  let kind: string | undefined
  let problem: string | undefined

  const context: Context = {
    path: file,
    device,
    check: (check) => checks.push(check),
    part: async (part, body) => {
      try {
        await body()
      } catch (error) {
        if (error instanceof FormatError) throw error
        if (error instanceof NotSupportedError) notSupported.push(`${part}: ${error.message}`)
        else checks.push({ name: part, error: Number.NaN, bound: 0, note: messageOf(error) })
      }
    },
  }
  try {
    const json = new Field(parse(file))
    const found = kinds.find((k) => k.matches(json, file))
    if (!found) throw unknownKind(json)
    kind = found.name
    await found.run(json, context)
  } catch (error) {
    if (error instanceof NotSupportedError) notSupported.push(error.message)
    else if (error instanceof FormatError) problem = `${file}: ${error.message}`
    else checks.push({ name: kind ?? 'file', error: Number.NaN, bound: 0, note: messageOf(error) })
  }
  const status =
    problem !== undefined
      ? 'unreadable'
      : checks.some((check) => !holds(check))
        ? 'broken'
        : notSupported.length > 0 || checks.length === 0
          ? 'not supported yet'
          : 'holds'
  const seconds = (performance.now() - started) / 1000
  return { file, status, ...(kind && { kind }), checks, notSupported, ...(problem && { problem }), seconds }
}

function parse(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new FormatError('', `cannot be read (${messageOf(error)})`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FormatError('', `is no JSON (${messageOf(error)})`)
  }
}

/** Every reference file has one of these at its top. */
const marks = ['kind', 'family', 'model', 'op', 'what', 'salt']
const common = ['readme', 'reference', 'args', 'input', 'layout', 'state']

function unknownKind(json: Field): Error {
  if (!json.isRecord()) return new FormatError('', 'expected an object at the top of a reference file')
  const mark = marks.find((key) => json.has(key))
  if (mark === undefined)
    return new FormatError('', `is no reference file: it has none of the fields ${marks.join(', ')} at its top`)
  const parts = json.keys().filter((key) => typeof json.record()[key] === 'object' && !common.includes(key))
  return new NotSupportedError(`${mark} ${JSON.stringify(json.record()[mark])} with ${parts.join(', ') || 'nothing to compare'}`)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
