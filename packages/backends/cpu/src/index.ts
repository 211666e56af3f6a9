export { type CpuOptions, createCpuBackend } from './backend.js'
export { type Ceiling, measureCeiling } from './ceiling.js'
export { type Attempt, NativeAddonError } from './find-addon.js'
export { explainCpu, isCpuAvailable } from './native.js'
