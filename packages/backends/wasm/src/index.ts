export { createWasmBackend, type WasmOptions } from './backend.js'
export { type Ceiling, measureCeiling } from './ceiling.js'
