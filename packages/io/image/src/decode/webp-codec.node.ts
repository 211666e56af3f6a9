import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import decode, { init } from '@jsquash/webp/decode.js'
import type { RgbaPixels } from './webp-codec.js'
import { rgbaPixels } from './webp-codec.js'

let ready: Promise<void> | undefined

/** Node: `fetch` cannot read files, so the codec is given the bytes of its `.wasm`. */
async function start(): Promise<void> {
  const path = createRequire(import.meta.url).resolve('@jsquash/webp/codec/dec/webp_dec.wasm')
  await init({ wasmBinary: await readFile(path) } as unknown as Parameters<typeof init>[0])
}

export async function decodeWebpPixels(bytes: Uint8Array): Promise<RgbaPixels> {
  ready ??= start()
  await ready
  try {
    return rgbaPixels(await decode(bytes as unknown as ArrayBuffer))
  } catch (cause) {
    ready = undefined
    throw cause
  }
}
