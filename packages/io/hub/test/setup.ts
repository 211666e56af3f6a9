import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { createHub, type NodeHubOptions } from '../src/index.node.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
export const packageFolder = fileURLToPath(new URL('../', import.meta.url))

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scanline-hub-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const quick = { retry: { attempts: 3, delayMs: 5 }, timeoutMs: 2000, token: false } as const

export function hubIn(cacheDir: string, options: NodeHubOptions = {}) {
  return createHub({ ...quick, cacheDir, ...options })
}

/** Every file under a folder, as paths relative to it. */
export function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** The package as JavaScript, for processes and pages outside of the test runner. */
export function compilePackage(folder: string): void {
  const compiler = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'tsc.cmd' : 'tsc')
  execFileSync(compiler, ['-p', join(packageFolder, 'tsconfig.json'), '--outDir', folder], {
    shell: process.platform === 'win32',
  })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
}
