import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isCpuAvailable } from '../src/index.js'

const built = (name: string) => fileURLToPath(new URL(`../../../${name}/dist/index.js`, import.meta.url))

/** The built packages, as programs of their own import them. */
const prelude = `
import { createCpuBackend } from ${JSON.stringify(built('backends/cpu'))}
import { compile } from ${JSON.stringify(built('core/compile'))}
import { conv2d, tensor } from ${JSON.stringify(built('core/tensor'))}
const filled = (shape, device) => tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), { shape, device })
async function start(threads) {
  const device = await createCpuBackend({ threads })
  const x = filled([1, 64, 64, 32], device)
  const program = await compile((t) => conv2d(t, filled([64, 32, 5, 5], device), undefined, { padding: 2 }), [x], { device })
  return { device, run: () => program.run(x) }
}
`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scanline-cpu-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function run(source: string, files: Readonly<Record<string, string>> = {}) {
  for (const [name, text] of Object.entries({ ...files, 'main.mjs': source }))
    await writeFile(join(folder, name), `${prelude}\n${text}`)
  const child = spawn(process.execPath, [join(folder, 'main.mjs')], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 25_000 })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const code = await new Promise((resolve) => child.on('exit', (exit, signal) => resolve(signal ?? exit)))
  return { code, output }
}

describe.skipIf(!isCpuAvailable())('a process of its own', () => {
  test('ends by itself although its threads live, with work that nobody waits for', async () => {
    const source = `const { run } = await start(3); for (let i = 0; i < 200; i++) run(); console.log('enqueued')`
    expect(await run(source)).toEqual({ code: 0, output: 'enqueued\n' })
  })

  test('stays until what it waits for is there', async () => {
    const source = `const { run } = await start(2); run().data().then((d) => console.log(d.length))`
    expect(await run(source)).toEqual({ code: 0, output: `${64 * 64 * 64}\n` })
  })

  test('may be ended in the middle', async () => {
    const source = `const { run, device } = await start(2)
for (let i = 0; i < 100; i++) run().data()
device.done()
setTimeout(() => process.exit(7), 20)`
    expect(await run(source)).toEqual({ code: 7, output: '' })
  })

  test.skipIf(process.platform !== 'linux')('has no thread left after dispose', async () => {
    const source = `
import { readdirSync } from 'node:fs'
const count = () => readdirSync('/proc/self/task').length
const none = count()
const { device, run } = await start(4)
await run().data()
const some = count()
device.dispose()
for (let i = 0; i < 200 && count() > none; i++) await new Promise((resolve) => setTimeout(resolve, 10))
console.log(some - none >= 4, count() - none <= 0)`
    expect(await run(source)).toEqual({ code: 0, output: 'true true\n' })
  })

  test('runs devices in two workers at once, and survives one that is terminated while it works', async () => {
    const worker = `
import { parentPort } from 'node:worker_threads'
const { run } = await start(2)
const first = await run().data()
let same = true
for (let i = 0; i < 10; i++) {
  const next = await run().data()
  same &&= next.every((v, k) => v === first[k])
}
parentPort.postMessage(same)
for (;;) await run().data()`
    const source = `
import { Worker } from 'node:worker_threads'
const workers = [0, 1].map(() => new Worker(new URL('./worker.mjs', import.meta.url)))
console.log(...(await Promise.all(workers.map((w) => new Promise((resolve, reject) => { w.on('message', resolve); w.on('error', reject) })))))
await Promise.all(workers.map((w) => w.terminate()))
const { run } = await start(2)
console.log((await run().data()).length)`
    expect(await run(source, { 'worker.mjs': worker })).toEqual({ code: 0, output: `true true\n${64 * 64 * 64}\n` })
  })

  test('devices that are forgotten are collected with their threads', async () => {
    const source = `
import { readdirSync } from 'node:fs'
const count = () => readdirSync('/proc/self/task').length
for (let i = 0; i < 30; i++) (await createCpuBackend({ threads: 4 })).alloc(100)
const { device, run } = await start(1)
for (let i = 0; i < 50; i++) { globalThis.gc?.(); await run().data() }
console.log('alive')`
    expect(await run(source)).toEqual({ code: 0, output: 'alive\n' })
  })
})
