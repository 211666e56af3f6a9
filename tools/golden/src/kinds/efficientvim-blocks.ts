import { buildBlock } from '../efficientvim/blocks.js'
import { runLayer } from '../efficientvim/layer.js'
import { isEfficientViM } from '../efficientvim/match.js'
import { type Kind, noteUnread } from '../kind.js'

/** Single layers with their whole input and output, some with gradients. */
export const efficientvimBlocks: Kind = {
  name: 'EfficientViM blocks',
  matches: (file) => isEfficientViM(file) && file.has('blocks'),
  run: async (file, context) => {
    const { backend: device, dtype } = context.device
    await noteUnread(context, file, ['blocks', 'extra_fill_rules'])
    for (const [i, entry] of file.at('blocks').list().entries()) {
      const name = `blocks[${i}] ${entry.at('name').string()}`
      await context.part(name, () => {
        const axes = entry.at('inputs').at('input').shape().length
        return runLayer(name, file, entry, context, buildBlock(entry, axes, { device, dtype }))
      })
    }
  },
}
