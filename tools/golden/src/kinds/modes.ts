import { type Mode, type Raster, toGrey, toRgb } from '@scanline/image'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

const modeNames: readonly Mode[] = ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'HSV', 'I', 'F']

function readRaster(entry: Field): Raster {
  const mode = entry.at('mode').oneOf(...modeNames)
  const bytes = entry.at('input').at('base64').bytes().slice()
  const data = mode === 'I' ? new Int32Array(bytes.buffer) : mode === 'F' ? new Float32Array(bytes.buffer) : bytes
  const palette = entry.maybe('palette')?.at('base64').bytes()
  return { mode, width: entry.at('width').count(), height: entry.at('height').count(), data, ...(palette && { palette }) }
}

/** Conversions of every mode to RGB and to grey. Transparency, where a case has it, changes neither. */
export const modes: Kind = {
  name: 'modes',
  matches: (file) => isPreprocessing(file, 'cases', 'mode', 'input'),
  run: async (file, context) => {
    for (const [i, entry] of file.at('cases').list().entries()) {
      const raster = readRaster(entry)
      await context.part(`cases[${i}] ${raster.mode}`, () => {
        for (const [key, convert] of [
          ['rgb', toRgb],
          ['l', toGrey],
        ] as const) {
          const stored = entry.maybe(key)
          const image = convert(raster)
          if (stored) checkExact(context, `cases[${i}] ${raster.mode} to ${key}`, imageShape(image), image.data, stored)
        }
      })
    }
  },
}
