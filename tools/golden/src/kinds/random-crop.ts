import { randomRectangle, resizedCrop } from '@scanline/image'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { Replay } from '../preprocessing/replay.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

/** A pair of limits. */
export const pair = (field: Field): [number, number] => {
  const [low, high] = field.tuple(2).map((f) => f.number())
  return [low, high]
}

/** Rectangles of random resized crops from their draws, and what such crops give. */
export const randomCrop: Kind = {
  name: 'random crops',
  matches: (file) => isPreprocessing(file, 'rectangles', 'draws', 'crop_height'),
  run: async (file, context) => {
    const salt = file.at('salt').string()
    for (const [i, entry] of file.at('rectangles').list().entries()) {
      const size = { width: entry.at('width').count(), height: entry.at('height').count() }
      const name = `rectangles[${i}] of ${size.width}x${size.height}`
      await context.part(name, () => {
        const draws = new Replay(entry.at('draws'))
        const found = randomRectangle(size, draws, { scale: pair(entry.at('scale')), ratio: pair(entry.at('ratio')) })
        const text = `${found.top},${found.left} ${found.height}x${found.width}`
        const [top, left, height, width] = ['top', 'left', 'crop_height', 'crop_width'].map((key) => entry.at(key).count())
        const same = text === `${top},${left} ${height}x${width}` && draws.left === 0
        context.check({ name, error: same ? 0 : 1, bound: 0, ...(!same && { note: `${text}, ${draws.left} draws left` }) })
      })
    }
    for (const [i, entry] of (file.maybe('crops')?.list() ?? []).entries()) {
      const side = entry.at('size').count()
      const filter = entry.at('filter').oneOf('bilinear', 'bicubic')
      const name = `crops[${i}] ${filter} to ${side}`
      await context.part(name, () => {
        const [top, left, height, width] = entry
          .at('top_left_height_width')
          .tuple(4)
          .map((f) => f.count())
        const image = generateImage(entry.at('image'), salt)
        const out = resizedCrop(image, { left, top, width, height }, { width: side, height: side }, filter)
        checkExact(context, name, imageShape(out), out.data, entry.at('output'))
      })
    }
  },
}
