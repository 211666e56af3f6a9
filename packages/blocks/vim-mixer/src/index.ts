export { type ScanInputs, VimMixer, type VimMixerKind, type VimMixerOptions } from './vim-mixer.js'
