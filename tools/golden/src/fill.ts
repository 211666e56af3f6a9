export {
  broadcastRule,
  type FillOptions,
  fillInput,
  fillState,
  fillTensor,
  fnv1a32,
  type StateEntry,
  wordAt,
} from '@scanline/testing'
