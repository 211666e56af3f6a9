import type { ModelCase } from '../cases.js'
export async function onnxOfModel(_: ModelCase): Promise<Uint8Array> {
  throw new Error('later')
}
