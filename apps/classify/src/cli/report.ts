import type { Prediction } from '../top-k.js'

/** How a run was set up. */
export interface RunInfo {
  readonly model: string
  /** As the user named them; undefined for the published weights. */
  readonly weights: string | undefined
  readonly device: string
  readonly threads: number
  readonly batch: number
  /** Height, width. */
  readonly inputSize: readonly [number, number]
  readonly classes: number
}

export interface RunSummary {
  readonly images: number
  readonly failed: number
  /** From the first image read to the last classified; loading the model is not part of it. */
  readonly seconds: number
}

/** Receives a run's results, in the order of the inputs. */
export interface Report {
  /** Nothing can be classified: instead of all that follows. */
  refuse(error: string): void
  begin(run: RunInfo): void
  image(file: string, predictions: readonly Prediction[]): void
  failure(file: string, error: string): void
  /** `error`: why the run ended early. */
  end(summary: RunSummary, error?: string): void
}

export const imagesPerSecond = ({ images, failed, seconds }: RunSummary): number =>
  seconds > 0 ? Number(((images - failed) / seconds).toPrecision(3)) : 0
