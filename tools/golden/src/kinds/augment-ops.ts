import {
  adjustBrightness,
  adjustColor,
  adjustContrast,
  adjustHue,
  autoContrast,
  crop,
  equalize,
  type GeometricOptions,
  gaussianBlur,
  horizontalFlip,
  type Image,
  OPERATIONS,
  type OperationName,
  reflectPad,
  rotate,
  solarize,
  toGrey,
  toRgb,
} from '@scanline/image'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

type Apply = (image: Image, argument: Field, options: GeometricOptions) => Image

/** Operations that no RandAugment name stands for. */
const others: Readonly<Record<string, Apply>> = {
  'rotate degrees': (image, argument, options) => rotate(image, argument.number(), options),
  'equalize of a constant image': equalize,
  'autocontrast of a constant image': autoContrast,
  adjust_brightness: (image, argument) => adjustBrightness(image, argument.number()),
  adjust_contrast: (image, argument) => adjustContrast(image, argument.number()),
  adjust_saturation: (image, argument) => adjustColor(image, argument.number()),
  adjust_hue: (image, argument) => adjustHue(image, argument.number()),
  'grayscale to 3 channels': (image) => toRgb(toGrey(image)),
  solarize: (image, argument) => solarize(image, argument.number()),
  gaussian_blur: (image, argument) => gaussianBlur(image, argument.number()),
  'horizontal flip': horizontalFlip,
  'reflect pad 4 then crop': (image, argument) => {
    const [top, left] = argument.tuple(2).map((f) => f.count())
    return crop(reflectPad(image, 4), left, top, image.width, image.height)
  },
}
const operations = Object.keys(OPERATIONS) as OperationName[]

/** Augmentation operations byte for byte, and the argument that each level means. */
export const augmentOps: Kind = {
  name: 'augmentation operations',
  matches: (file) => isPreprocessing(file, 'cases', 'op', 'output'),
  run: async (file, context) => {
    const salt = file.at('salt').string()
    const levels = file.maybe('levels')?.list() ?? []
    const wrong = levels.filter((row) => {
      const [name, level, negated, argument] = row.tuple(4)
      return OPERATIONS[name.oneOf(...operations)].argument(level.number(), negated.boolean() ? -1 : 1) !== argument.number()
    })
    const note = wrong[0] && JSON.stringify(wrong[0].value)
    if (levels.length > 0) context.check({ name: 'levels', error: wrong.length, bound: 0, ...(note && { note }) })

    for (const [i, entry] of file.at('cases').list().entries()) {
      const op = entry.at('op').oneOf(...operations, ...Object.keys(others))
      const argument = entry.maybe('argument')
      const filter = entry.maybe('filter')?.oneOf('bilinear', 'bicubic')
      const fill = entry.maybe('fill')?.numbers()
      const name = `cases[${i}] ${[op, argument && JSON.stringify(argument.value), filter].filter(Boolean).join(' ')}`
      await context.part(name, () => {
        const image = halved(generateImage(entry.at('image'), salt), entry.maybe('halved_plus_30')?.boolean() ?? false)
        const options = { ...(filter && { filter }), ...(fill && { fill }) }
        const known = operations.find((operation) => operation === op)
        const out = known
          ? OPERATIONS[known].apply(image, argument?.number() ?? 0, options)
          : others[op](image, argument ?? entry, options)
        checkExact(context, name, imageShape(out), out.data, entry.at('output'))
      })
    }
  },
}

const halved = (image: Image, apply: boolean): Image => (apply ? { ...image, data: image.data.map((v) => (v >> 1) + 30) } : image)
