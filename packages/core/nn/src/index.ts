export { withBatchCounters } from './batch-counters.js'
export { belowPrefix } from './below-prefix.js'
export { captureBuffers, currentBuffer, updateBuffer } from './buffer-updates.js'
export { checkImages } from './check-images.js'
export { closest, editDistance } from './closest.js'
export { dropPathSchedule } from './drop-path-schedule.js'
export * from './init.js'
export { type ActivationName, activation } from './layers/activation.js'
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from './layers/batch-norm.js'
export { ChannelNorm, type ChannelNormOptions } from './layers/channel-norm.js'
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './layers/conv-transpose2d.js'
export { Conv1d, type Conv1dOptions } from './layers/conv1d.js'
export { Conv2d, type Conv2dOptions } from './layers/conv2d.js'
export { DropPath } from './layers/drop-path.js'
export { Dropout } from './layers/dropout.js'
export { Identity } from './layers/identity.js'
export { LayerNorm, type LayerNormOptions } from './layers/layer-norm.js'
export { LayerScale, type LayerScaleOptions } from './layers/layer-scale.js'
export { Linear, type LinearOptions } from './layers/linear.js'
export { Mlp, type MlpOptions } from './layers/mlp.js'
export { RmsNorm, type RmsNormOptions } from './layers/rms-norm.js'
export { SqueezeExcite, type SqueezeExciteOptions } from './layers/squeeze-excite.js'
export {
  type LoadOptions,
  type LoadReport,
  readStateValue,
  type StateArray,
  type StateEntry,
  type StateNumbers,
  type StateSource,
  type StateValue,
} from './load-state.js'
export { Module, type ModuleOptions } from './module.js'
export { parameter } from './parameter.js'
export { parameterKey } from './parameter-key.js'
export { recomputing } from './recomputing.js'
export { type ClassifierOptions, replaceClassifier } from './replace-classifier.js'
export { type FeatureInfo, stageIndices } from './stage-indices.js'
export { type ShapeMismatch, StateDictError, type StateDictProblems } from './state-dict-error.js'
