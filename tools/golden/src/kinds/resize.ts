import { type Box, FILTERS, type FilterName, resize as resizeImage } from '@scanline/image'
import type { Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

const filters = ['nearest', ...Object.keys(FILTERS)].filter((name, i, all) => all.indexOf(name) === i) as FilterName[]

/** Resized images, byte for byte. */
export const resize: Kind = {
  name: 'resize',
  matches: (file) => isPreprocessing(file, 'cases', 'out_width', 'filter'),
  run: async (file, context) => {
    const salt = file.at('salt').string()
    for (const [i, entry] of file.at('cases').list().entries()) {
      const image = generateImage(entry.at('image'), salt)
      const [width, height] = [entry.at('out_width').count(), entry.at('out_height').count()]
      const filter = entry.at('filter').oneOf(...filters)
      const box = entry.maybe('box')
      const [left, top, right, bottom] = box?.tuple(4).map((side) => side.number()) ?? []
      const name = `cases[${i}] ${filter} ${image.width}x${image.height}x${image.channels} to ${width}x${height}${box ? ' box' : ''}`
      await context.part(name, () => {
        const out = resizeImage(image, width, height, { filter, ...(box && { box: [left, top, right, bottom] as Box }) })
        checkExact(context, name, imageShape(out), out.data, entry.at('output'))
      })
    }
  },
}
