export { CountingBackend } from './counting-backend.js'
export {
  broadcastRule,
  type FillOptions,
  type FillRule,
  fillInput,
  fillState,
  fillTensor,
  fnv1a32,
  lowbias32,
  type StateEntry,
  wordAt,
} from './fill.js'
export { input, state } from './reference.js'
