import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** Work of transformer blocks, and whether a task is a long-sequence one for them. */
export const trainingFlops: Kind = {
  name: 'work of transformer blocks',
  matches: (file) => isTraining(file, 'rows', 'D', 'L', 'threshold_L'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'rows'])
    // Draws charts too, which nothing else here needs.
    const cost = await import('@scanline/cost')
    for (const [i, row] of file.at('rows').list().entries()) checkRow(context, row, `rows[${i}]`, cost)
  },
}

function checkRow(context: Context, row: Field, name: string, cost: typeof import('@scanline/cost')): void {
  const [width, tokens] = [row.at('D').count(), row.at('L').count()]
  const { ratio, ...flops } = cost.transformerBlockFlops(width, tokens)
  const off = Object.entries(flops).reduce((sum, [part, value]) => sum + Math.abs(value - row.at(part).number()), 0)
  context.check({ name, error: off, bound: 0 })
  context.check({ name: `${name} ratio`, error: Math.abs(ratio - row.at('ratio_quadratic_to_linear').number()), bound: 1e-13 })
  const same =
    cost.longSequenceThreshold(width) === row.at('threshold_L').number() &&
    cost.isLongSequence(width, tokens) === row.at('long_sequence').boolean()
  context.check({ name: `${name} long`, error: same ? 0 : 1, bound: 0 })
}
