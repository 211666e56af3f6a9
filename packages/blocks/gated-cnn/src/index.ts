export { GatedCnnBlock, type GatedCnnBlockOptions } from './gated-cnn-block.js'
