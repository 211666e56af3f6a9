export { type AdamOptions, adamw } from './adamw.js'
export { clipAdaptively, clipByNorm, clipByValue, clipFactor } from './clip.js'
export { type Ema, type EmaOptions, ema } from './ema.js'
export { type GroupOptions, layerScales, type ParameterGroup, parameterGroups } from './groups.js'
export { type LambOptions, lamb } from './lamb.js'
export { LossScale } from './loss-scale.js'
export { globalNorm, type NormKind } from './norm.js'
export type { GradientInfo, Optimizer, Parameter, Updated } from './optimizer.js'
export { pack, unpack } from './scalars.js'
export {
  type Cycles,
  cosine,
  cycleLength,
  hyperbolic,
  milestones,
  polynomial,
  type Schedule,
  steps,
  type Warmup,
} from './schedule.js'
export { type SgdOptions, sgd } from './sgd.js'
export { type Moment, perEpoch, perUpdate, scaledRate, type Timeline } from './timeline.js'
