import { execFile } from 'node:child_process'
import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CASES, FIXTURES } from './fixtures.js'

const script = fileURLToPath(new URL('./observed.mjs', import.meta.url))
let folder: string
let reader: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'observed-')))
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL('../src/node.ts', import.meta.url)),
      outDir: folder,
      rollupOptions: { output: { entryFileNames: 'reader.mjs' } },
    },
  })
  reader = join(folder, 'reader.mjs')
})
afterAll(() => rm(folder, { recursive: true }))

interface Report {
  outcomes: Record<string, string>
  incidents: string[]
  peakMiB: number
}

/** Opens the files in a second process that may read them and nothing else: no writes, no processes, no workers, no generated code. */
async function observe(files: string[], canary = ''): Promise<Report> {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const allow = [script, folder, FIXTURES].map((path) => `--allow-fs-read=${path}${path === script ? '' : '/*'}`)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      permission,
      ...allow,
      '--disallow-code-generation-from-strings',
      '--max-old-space-size=96',
      script,
      reader,
      canary,
      ...files.map((file) => join(FIXTURES, file)),
    ],
    { cwd: folder, timeout: 20_000 },
  )
  const report: Report = JSON.parse(stdout)
  report.outcomes = Object.fromEntries(
    Object.entries(report.outcomes).map(([path, outcome]) => [path.slice(FIXTURES.length), outcome]),
  )
  return report
}

const state = async (path: string) =>
  Promise.all(
    (await readdir(path))
      .sort()
      .map(async (name) => [name, (await stat(join(path, name))).mtimeMs, (await stat(join(path, name))).size]),
  )

describe('under observation', () => {
  it('the observer notices a process, a write, generated code and the network', async () => {
    const { incidents } = await observe([], 'canary')
    expect(incidents).toEqual(['ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED', 'EvalError', 'fetch', 'Error'])
  })

  it('refusing and reading have no side effects, and take little memory', async () => {
    const before = [await state(FIXTURES), await state(folder)]
    const files = CASES.map((c) => c.file)
    const { outcomes, incidents, peakMiB } = await observe(files)
    expect(incidents).toEqual([])
    expect(Object.keys(outcomes)).toEqual(files)
    for (const { file, expect: expected } of CASES) {
      const allowed = {
        decode: /^decoded$/,
        error: /^[A-Z]\w+$/,
        refuse: /^Forbidden(Global|Opcode)$/,
        either: /^(decoded|[A-Z]\w+)$/,
      }[expected]
      expect(`${outcomes[file]}`, file).toMatch(allowed)
    }
    // Node itself takes some 45 MiB.
    expect(peakMiB).toBeLessThan(200)
    expect([await state(FIXTURES), await state(folder)]).toEqual(before)
  })

  it.each([
    'bad_view_huge_expand.pt',
    'bad_storage_numel.pt',
    'shared_growth.pt',
    'deep_nesting.pt',
    'st_bad_header_too_large.safetensors',
  ])('%s takes little memory', async (file) => {
    const { outcomes, peakMiB } = await observe([file])
    expect(outcomes[file]).toMatch(/^(decoded|[A-Z]\w+)$/)
    expect(peakMiB).toBeLessThan(130)
  })
})
