import decode, { init } from '@jsquash/webp/decode.js'

export interface RgbaPixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Browsers and workers: the codec fetches its `.wasm` from beside its own module, which bundlers resolve as an asset. */
export async function decodeWebpPixels(bytes: Uint8Array): Promise<RgbaPixels> {
  try {
    return rgbaPixels(await decode(bytes as unknown as ArrayBuffer))
  } catch (cause) {
    // What a damaged file did to the codec's memory must not reach the next file.
    await init()
    throw cause
  }
}

/** The codec's `ImageData` with plain bytes. */
export function rgbaPixels(image: unknown): RgbaPixels {
  const { width, height, data } = image as RgbaPixels
  return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
}
