import { finisher, type Loader, streamFor } from '@scanline/datasets'
import { type Backend, tensor } from '@scanline/tensor'
import { drawsFrom, mixImages, mixTargets, planMix, type SampleMix, type TrainBatch } from '@scanline/train'
import { mixes, trainConfig } from './data.js'
import type { TrainSettings } from './settings.js'

/**
 * The batches of an epoch on the device, mixed as the recipe says. How a batch is mixed is a function of (seed, epoch,
 * number of the batch), so that a run may go on anywhere.
 */
export function trainBatches(
  loader: Loader,
  { recipe, model, mixupOffEpoch }: TrainSettings,
  classes: number,
  device: Backend,
  /** Told how long each batch took from being asked for, in milliseconds: what training waits for its images. */
  onInput: (ms: number) => void,
): (epoch: number, from: number) => AsyncGenerator<TrainBatch> {
  const { seed, mix, size, labelSmoothing } = recipe
  const finish = finisher(trainConfig(recipe, model), seed)
  return async function* (epoch, from) {
    const mixed = mixes(recipe) && !(mixupOffEpoch > 0 && epoch >= mixupOffEpoch)
    let asked = performance.now()
    for await (const { images, labels, shape, places, index } of loader.epoch(epoch, { from })) {
      const plan: SampleMix[] = mixed
        ? planMix(mix, shape[0], [size, size], drawsFrom(streamFor('mix', seed, epoch, index)))
        : Array.from(labels, () => ({ share: 1 }))
      const pixels = mixed ? mixImages(images, shape, plan) : images
      let values = pixels
      if (pixels instanceof Uint8Array) {
        values = new Float32Array(pixels.length)
        finish(pixels, epoch, places, values as Float32Array)
      }
      const batch = {
        images: tensor(values as Float32Array, { shape, device }),
        targets: tensor(mixTargets(labels, classes, plan, labelSmoothing), { shape: [shape[0], classes], device }),
      }
      onInput(performance.now() - asked)
      yield batch
      asked = performance.now()
    }
  }
}
