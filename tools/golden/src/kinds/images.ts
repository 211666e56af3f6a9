import type { Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

/** Checks of the image generator that all preprocessing files rest on. */
export const images: Kind = {
  name: 'generated images',
  matches: (file) => isPreprocessing(file, 'images'),
  run: (file, context) => {
    const salt = file.at('salt').string()
    for (const [i, entry] of file.at('images').list().entries()) {
      const image = generateImage(entry.at('image'), salt)
      checkExact(context, `images[${i}] ${entry.at('image').at('name').string()}`, imageShape(image), image.data, entry)
    }
  },
}
