import { BatchNorm1d, BatchNorm2d, Conv2d, LayerNorm, type Module } from '@scanline/nn'
import { sizeOf } from '@scanline/tensor'
import type { Visit } from './record.js'
import { type CountedCall, isActivation, type Kind, scanStates } from './work.js'

type ModuleClass = abstract new (...args: never[]) => Module

/** How the authors of a family counted, as data: a selection over the ops and modules of a forward pass. */
export interface PublishedRule {
  /** Which counter it is, in words. */
  readonly about: string
  /** Multiply-adds of these count; those of other kinds do not. */
  readonly kinds: readonly Kind[]
  /** Multiply-adds that each element of a layer's input counts besides. */
  readonly layers: readonly { readonly layer: ModuleClass; readonly perElement: number }[]
  /** The same for each element of an activation, */
  readonly perActivation?: number
  /** for each result of a 2-d convolution that adds a bias, */
  readonly perConvBias?: number
  /** and for each state of a scan, where scans count. */
  readonly perScanState?: number
}

/** timm's tables come from fvcore's counter: five for each element of a layer norm, nothing for the rest. */
export const mambaoutRule: PublishedRule = {
  about: 'convolutions, linear layers, 5 per element of a layer norm',
  kinds: ['conv2d', 'linear'],
  layers: [{ layer: LayerNorm, perElement: 5 }],
}

/**
 * The authors' counter hooks into layers: the products of attention, scans and the mixers' own convolutions escape it. What it
 * adds for elementwise layers is nowhere said: twice what ptflops' hooks give reaches all figures, cut after the printed
 * digit; docs/cost.md.
 */
export const mambavisionRule: PublishedRule = {
  about: 'convolutions, linear layers, 4 per element of a norm, 2 per element of an activation or a convolution with bias',
  kinds: ['conv2d', 'linear'],
  layers: [
    { layer: BatchNorm2d, perElement: 4 },
    { layer: LayerNorm, perElement: 4 },
  ],
  perActivation: 2,
  perConvBias: 2,
}

/** Nothing is published; the usual count of papers on scans. */
export const vimRule: PublishedRule = {
  about: 'convolutions, linear layers, 3 per state of a scan',
  kinds: ['conv2d', 'conv1d', 'linear'],
  layers: [],
  perScanState: 3,
}

/** fvcore's counter, which knows products and batch norms in evaluation mode. */
export const efficientvimRule: PublishedRule = {
  about: 'convolutions, linear layers, products, 2 per element of a batch norm',
  kinds: ['conv2d', 'conv1d', 'linear', 'matmul'],
  layers: [
    { layer: BatchNorm2d, perElement: 2 },
    { layer: BatchNorm1d, perElement: 2 },
  ],
}

/** Multiply-adds of a forward pass as the authors of a family count them. */
export function publishedMacs(calls: readonly CountedCall[], visits: readonly Visit[], rule: PublishedRule): number {
  const { kinds, layers, perActivation = 0, perConvBias = 0, perScanState = 0 } = rule
  let macs = 0
  for (const call of calls) {
    if (kinds.includes(call.kind)) macs += call.macs
    if (call.kind === 'scan') macs += perScanState * scanStates(call)
    if (isActivation(call)) macs += perActivation * sizeOf(call.outputs[0].shape)
  }
  for (const { module, input, outputs } of visits) {
    for (const { layer, perElement } of layers) if (module instanceof layer) macs += perElement * sizeOf(input.shape)
    if (module instanceof Conv2d && module.bias) macs += perConvBias * sizeOf(outputs[0].shape)
  }
  return macs
}
