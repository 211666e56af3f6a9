import { add, crossEntropy, scope, type Tensor } from '@scanline/tensor'
import { type LossInput, mesaEfficientViM, mesaMambaVision, type Recipe } from '@scanline/train'

/** Whether an epoch distils from the averaged weights (MESA): MambaVision counts shares of the schedule, EfficientViM whole epochs. */
export function distils({ mesa, average, schedule: { epochs } }: Recipe, epoch: number): boolean {
  if (!mesa || average === undefined) return false
  return mesa.kind === 'mambavision' ? epoch / epochs > mesa.start : epoch >= Math.floor(mesa.start * epochs)
}

/** Cross entropy with soft targets, and what the averaged weights add to it. */
export function trainingLoss({ mesa }: Recipe, distilling: boolean): (given: LossInput) => Tensor {
  if (!mesa || !distilling) return ({ outputs, targets }) => crossEntropy(outputs, targets)
  const distillation = mesa.kind === 'mambavision' ? mesaMambaVision : mesaEfficientViM
  return ({ outputs, targets, averaged }) =>
    scope(() => add(crossEntropy(outputs, targets), distillation(outputs, averaged(), mesa.weight)))
}
