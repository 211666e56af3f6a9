import type { Schedule } from './schedule.js'

/** Where in a training run an update stands; all count from 0. */
export interface Moment {
  readonly epoch: number
  /** Within the epoch. */
  readonly update: number
  readonly updatesPerEpoch: number
}

/** The learning rate of an update. */
export type Timeline = (moment: Moment) => number

/**
 * One rate for a whole epoch. With `lag` 1 the schedule is stepped with the number of the epoch that has just ended, as
 * Vim's trainer does: epochs 0 and 1 share a rate, and the first epoch after a resume, `resumedAt`, does not lag.
 */
export function perEpoch(schedule: Schedule, { lag = 0, resumedAt }: { lag?: 0 | 1; resumedAt?: number } = {}): Timeline {
  return ({ epoch }) => schedule(epoch === resumedAt ? epoch : Math.max(0, epoch - lag))
}

/**
 * A rate for every update. `shift` 1 counts the update that is being done (MambaVision), -1 is one behind (EfficientViM:
 * the schedule is stepped after the update, with its number).
 */
export function perUpdate(schedule: Schedule, { shift = 0 }: { shift?: -1 | 0 | 1 } = {}): Timeline {
  return ({ epoch, update, updatesPerEpoch }) => schedule(Math.max(0, epoch * updatesPerEpoch + update + shift))
}

/** Vim's rule for other batches than 512 in total; minimum and warm-up rates stay. */
export const scaledRate = (rate: number, batch: number, world = 1): number => (rate * batch * world) / 512
