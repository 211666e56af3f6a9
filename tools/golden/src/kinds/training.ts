import type { Kind } from '../kind.js'
import { trainingCheckpointPolicy } from './training-checkpoint-policy.js'
import { trainingClipping } from './training-clipping.js'
import { trainingDropPath } from './training-drop-path.js'
import { trainingEma } from './training-ema.js'
import { trainingFinetune } from './training-finetune.js'
import { trainingFlops } from './training-flops.js'
import { trainingLosses } from './training-losses.js'
import { trainingMixup } from './training-mixup.js'
import { trainingOptimizers } from './training-optimizers.js'
import { trainingParamGroups } from './training-param-groups.js'
import { trainingRuns } from './training-runs.js'
import { trainingSchedules } from './training-schedules.js'
import { trainingSyncBn } from './training-sync-bn.js'

/** The numerical half of training. */
export const trainingKinds: readonly Kind[] = [
  trainingOptimizers,
  trainingClipping,
  trainingEma,
  trainingSchedules,
  trainingParamGroups,
  trainingLosses,
  trainingMixup,
  trainingDropPath,
  trainingSyncBn,
  trainingFinetune,
  trainingFlops,
  trainingCheckpointPolicy,
  trainingRuns,
]
