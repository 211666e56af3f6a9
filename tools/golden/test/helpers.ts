import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from '@scanline/golden'
import { onTestFinished } from 'vitest'

export const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url))
export const fixture = (name: string): string => join(FIXTURES, name)

// biome-ignore lint/suspicious/noExplicitAny: a reference file is edited here field by field, whatever its kind
export type Json = any

export const readFixture = (name: string): Json => JSON.parse(readFileSync(fixture(name), 'utf8'))

/** Runs the command line within this process. */
export async function golden(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const status = await main(args, { out: (text) => (out += text), err: (text) => (err += text) })
  return { status, out, err }
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A file with the given content: text as it is, anything else as JSON. */
export function write(content: unknown, name = 'case.json', folder = temporaryFolder()): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** A fixture, changed. */
export function changed(name: string, change: (json: Json) => void): string {
  const json = readFixture(name)
  change(json)
  return write(json)
}
