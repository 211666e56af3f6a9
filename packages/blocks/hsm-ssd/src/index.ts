export { HsmSsd, type HsmSsdOptions, type HsmSsdSteps } from './hsm-ssd.js'
