import { type KernelShape, kernelName } from './kernels.js'

/** One model to measure. Plain data: it travels to the process that runs it. */
export interface ModelCase {
  readonly kind: 'model'
  readonly model: string
  /** Pixels a side. */
  readonly size: number
  readonly batch: number
}

/** One kernel to measure. */
export interface KernelCase {
  readonly kind: 'kernel'
  readonly shape: KernelShape
}

export type Case = ModelCase | KernelCase

/** What runs a case: Scanline on one of its devices, or a peer. */
export interface Runner {
  /** `scanline`, or the peer's name. */
  readonly name: string
  /** Scanline's. */
  readonly device: string
  readonly threads: number
}

/** `mambaout_femto 224 batch 1`, `matmul 196x384x1024`. */
export const caseName = (what: Case): string =>
  what.kind === 'model' ? `${what.model} ${what.size} batch ${what.batch}` : kernelName(what.shape)
