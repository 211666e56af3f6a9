import { modelFields } from '../cases/classifier.js'
import { type Kind, noteUnread } from '../kind.js'
import { isVim } from '../vim/match.js'
import { runModel } from '../vim/run.js'

/** Small models, one for each combination of arguments. */
export const vimVariants: Kind = {
  name: 'Vim variants',
  matches: (file) => isVim(file) && file.has('variants'),
  run: async (file, context) => {
    await noteUnread(context, file, ['variants'])
    for (const [i, entry] of file.at('variants').list().entries()) {
      const name = `variants[${i}] ${entry.at('name').string()}`
      await context.part(name, async () => {
        await noteUnread(context, entry, [...modelFields, 'features', 'logits'])
        await runModel(entry, `${name}, `, (entry.maybe('salt') ?? file.at('salt')).string(), context)
      })
    }
  },
}
