import type { Kind } from '../kind.js'
import { trainingClipping } from './training-clipping.js'
import { trainingEma } from './training-ema.js'
import { trainingOptimizers } from './training-optimizers.js'
import { trainingParamGroups } from './training-param-groups.js'
import { trainingSchedules } from './training-schedules.js'

/** The numerical half of training. */
export const trainingKinds: readonly Kind[] = [
  trainingOptimizers,
  trainingClipping,
  trainingEma,
  trainingSchedules,
  trainingParamGroups,
]
