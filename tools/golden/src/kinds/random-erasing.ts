import { randomErasing as erase } from '@scanline/image'
import { fillInput } from '../fill.js'
import type { Kind } from '../kind.js'
import { Replay } from '../preprocessing/replay.js'
import { isTraining } from '../training/match.js'

/** Random erasing from its draws, value for value. */
export const randomErasing: Kind = {
  name: 'random erasing',
  matches: (file) => isTraining(file, 'cases', 'args', 'draws', 'changed'),
  run: async (file, context) => {
    const salt = file.at('salt').string()
    const [channels, height, width] = file
      .at('shape')
      .tuple(3)
      .map((f) => f.count())
    for (const [i, entry] of file.at('cases').list().entries()) {
      const args = entry.at('args')
      const mode = args.at('mode').oneOf('pixel', 'rand', 'const')
      const name = `cases[${i}] ${mode}`
      await context.part(name, () => {
        const optional = { minArea: 'min_area', maxArea: 'max_area', minAspect: 'min_aspect' } as const
        const limits = Object.entries(optional).flatMap(([key, written]) => {
          const value = args.maybe(written)?.number()
          return value === undefined ? [] : [[key, value] as const]
        })
        const draws = new Replay(entry.at('draws'), {
          noise: (values, k) => values.set(fillInput(`pixels.${k + 1}`, [values.length], salt)),
        })
        const values = fillInput('input', [channels, height, width], salt)
        const before = values.slice()
        const config = { probability: args.at('probability').number(), mode, maxCount: args.at('max_count').count() }
        erase(values, { channels, height, width, layout: 'nchw' }, draws, { ...config, ...Object.fromEntries(limits) })
        const expected = entry.at('output').numbers()
        const wrong = expected.filter((value, at) => Math.fround(value) !== values[at]).length
        context.check({ name, error: wrong + Math.abs(expected.length - values.length), bound: 0 })
        context.check({ name: `${name}, draws left`, error: draws.left, bound: 0 })
        const changed = new Set([...values.keys()].filter((at) => values[at] !== before[at]).map((at) => at % (height * width)))
        context.check({ name: `${name}, pixels changed`, error: Math.abs(changed.size - entry.at('changed').count()), bound: 0 })
      })
    }
  },
}
