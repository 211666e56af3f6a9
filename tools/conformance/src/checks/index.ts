import type { Check } from './check.js'
import { captured, compiled, unfused } from './compiled.js'
import { forward } from './forward.js'
import { compiledGradient, differences, gradient } from './gradient.js'
import { launches } from './launches.js'

export type { Check } from './check.js'

/** What every sample goes through, in order. */
export const checks: readonly Check[] = [forward, launches, compiled, unfused, captured, gradient, compiledGradient, differences]
