import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensorData } from '@scanline/checkpoint'
import { saveSafetensors } from '@scanline/checkpoint/node'
import { encodePng, type Image } from '@scanline/image'
import { Generator, ReferenceBackend } from '@scanline/tensor'
import { createModel } from '@scanline/zoo'
import { onTestFinished } from 'vitest'
import { main } from '../src/cli/main.js'

export const names = ['ant', 'bee', 'cat', 'dog']

/** A folder that is gone when its test has ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scanline-classify-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Weights of `test_mambaout` for a few classes, in a file. A large classifier makes its answers differ clearly. */
export async function writeCheckpoint(path: string, numClasses = names.length): Promise<void> {
  const device = new ReferenceBackend()
  using model = await createModel('test_mambaout', { device, generator: new Generator(5), numClasses })
  const entries = [...model.stateDict()].map(async ([name, tensor]) => {
    const values = (await tensor.data()) as Float32Array
    return [name, tensorData('f32', tensor.shape, name === 'head.fc.weight' ? values.map((v) => 40 * v) : values)] as const
  })
  await saveSafetensors(path, await Promise.all(entries))
}

/** A picture of random blots; every seed another one. */
export function picture(seed: number, width = 40, height = 32): Image {
  const random = new Generator(seed)
  const blots = Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => random.uniform()))
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3]
    const near = blots.find(([cx, cy, r]) => Math.hypot(x / width - cx!, y / height - cy!) < 0.1 + 0.3 * r!)
    data[i] = near ? 255 * near[3 + c]! : 128
  }
  return { width, height, channels: 3, data }
}

export const png = (seed: number): Uint8Array => encodePng(picture(seed))

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** One command line, in this process. */
export async function run(argv: readonly string[], { signal = new AbortController().signal, env = {} } = {}): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  const status = await main(argv, {
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
    env,
    signal,
  })
  return { status, stdout, stderr }
}

/** A server on this machine that stops when its test has ended; gives its address. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
