import { exportOnnx } from '@scanline/onnx'
import { type SavedOnnx, saveOnnx } from '@scanline/onnx/node'
import { ReferenceBackend } from '@scanline/tensor'
import type { ModelCase } from '../cases.js'
import { buildModel } from '../models.js'
import { modelInput } from '../subjects/model.js'

/** Writes a model, as it is built for a benchmark, for any number of images [N, 3, H, W]. Rejects with `OnnxExportError`. */
export async function saveModel(what: ModelCase, path: string): Promise<SavedOnnx> {
  const device = new ReferenceBackend()
  const model = await buildModel(what, device)
  return saveOnnx(path, await exportOnnx(model, [{ shape: modelInput(what).shape, dtype: 'f32' }]))
}
