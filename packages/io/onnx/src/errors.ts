import { ScanlineError } from '@scanline/tensor'

/** A function that cannot be written as ONNX: names what stands in the way, and the way around it. */
export class OnnxExportError extends ScanlineError {
  constructor(message: string) {
    super('ONNX_EXPORT', message)
  }
}
