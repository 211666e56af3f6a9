import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** The package as a bundler for browsers sees it: one file, default conditions. */
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scanline-wasm-'))
  await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@scanline/source'] },
    build: {
      outDir: folder,
      minify: false,
      lib: { entry: new URL('../src/index.ts', import.meta.url).pathname, formats: ['es'], fileName: 'wasm' },
    },
  })
})
afterAll(() => rm(folder, { recursive: true }))

async function run(source: string) {
  await writeFile(join(folder, 'main.mjs'), `import { createWasmBackend } from './wasm.js'\n${source}`)
  const child = spawn(process.execPath, [join(folder, 'main.mjs')], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const code = await new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)))
  return { code, output }
}

describe('a process of its own', () => {
  test('ends by itself although its workers live', async () => {
    expect(await run(`const wasm = await createWasmBackend({ threads: 3 }); console.log(wasm.capabilities.threads)`)).toEqual({
      code: 0,
      output: '3\n',
    })
  })

  test.skipIf(process.platform !== 'linux')('has no worker left after dispose (threads are counted in /proc)', async () => {
    const { code, output } = await run(`
      import { readdirSync } from 'node:fs'
      const count = () => readdirSync('/proc/self/task').length
      const none = count()
      const wasm = await createWasmBackend({ threads: 4 })
      const three = count()
      wasm.dispose()
      for (let i = 0; i < 200 && count() > none; i++) await new Promise((resolve) => setTimeout(resolve, 10))
      console.log(three - none, count() - none)`)
    expect({ code, output }).toEqual({ code: 0, output: '3 0\n' })
  })
})

describe('without Node', () => {
  test('nothing is imported: a page can load the file', async () => {
    expect((await readdir(folder)).filter((name) => name.endsWith('.js'))).toEqual(['wasm.js'])
    expect(await readFile(join(folder, 'wasm.js'), 'utf8')).not.toMatch(/^\s*import\b.*['"]/m)
  })

  test('where there are no workers, one thread does it all', async () => {
    const { code, output } = await run(`
      const { log } = console
      delete globalThis.process
      const wasm = await createWasmBackend({ threads: 4 })
      log(wasm.capabilities.threads, wasm.capabilities.features.sharedMemory)`)
    expect({ code, output }).toEqual({ code: 0, output: '1 false\n' })
  })
})
