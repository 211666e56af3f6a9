export { Attention, type AttentionOptions } from './attention.js'
export { MambaVisionBlock, type MambaVisionBlockOptions } from './block.js'
export { MambaVisionMixer, type MambaVisionMixerOptions } from './mixer.js'
export { partitionWindows, reverseWindows } from './window.js'
