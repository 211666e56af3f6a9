import type { Generator } from '@scanline/tensor'
import { fillConstant, fillTruncatedNormal } from './init.js'
import { Linear } from './layers/linear.js'
import type { ModuleOptions } from './module.js'

export interface ClassifierOptions extends ModuleOptions {
  /** Where the weights come from: normal, with std 0.02. Without it they are 0, so that all classes are alike. */
  readonly generator?: Generator
  readonly training: boolean
}

/** A classifier in place of `old`, which is freed: with biases of 0, or none at all for 0 classes. */
export function replaceClassifier(
  old: Linear | undefined,
  inFeatures: number,
  numClasses: number,
  { device, dtype, generator, training }: ClassifierOptions,
): Linear | undefined {
  old?.dispose()
  if (numClasses === 0) return undefined
  const linear = new Linear(inFeatures, numClasses, { device, ...(dtype && { dtype }) })
  if (generator) fillTruncatedNormal(linear.weight, generator)
  else fillConstant(linear.weight, 0)
  fillConstant(linear.bias!, 0)
  return linear.train(training)
}
