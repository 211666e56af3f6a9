import { centreOffset, keepRatio, PIPELINES, type PipelineName, shorterSide } from '@scanline/image'
import type { Field } from '../field.js'
import type { Context, Kind } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'

const sizeOf = (row: Field) => ({ width: row.at('width').number(), height: row.at('height').number() })

/** The side that a pipeline resizes to before it crops `size` out of it. */
function resizedSide(pipeline: PipelineName, size: number, cropPct: number): number {
  const input = { width: size, height: size }
  return PIPELINES[pipeline]({ input, cropPct, cropMode: 'center', interpolation: 'bicubic' })({ width: 300, height: 300 }).height
}

/** Pixels that two results are apart. */
function check(context: Context, name: string, actual: readonly number[], expected: readonly number[]): void {
  const error = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)
  context.check({ name, error, bound: 0, ...(error !== 0 && { note: `${actual.join(', ')} instead of ${expected.join(', ')}` }) })
}

const sections: Readonly<Record<string, (section: Field, context: Context) => void>> = {
  shorter_side: (section, context) => {
    for (const row of section.list()) {
      const { width, height } = shorterSide(sizeOf(row), row.at('size').number())
      check(context, row.path, [width, height], [row.at('new_width').number(), row.at('new_height').number()])
    }
  },
  centre_crop: (section, context) => {
    const sides = [
      ['width', 'x', 'left', 'right'],
      ['height', 'y', 'top', 'bottom'],
    ]
    for (const row of section.list())
      for (const [side, axis, before, after] of sides) {
        const [size, crop] = [row.at(side).number(), row.at(`crop_${side}`).number()]
        const offset = centreOffset(size, crop)
        check(
          context,
          `${row.path} ${side}`,
          [Math.max(0, offset), Math.max(0, -offset), Math.max(0, crop - size - Math.max(0, -offset))],
          [`source_${axis}_of_first_pixel`, `pad_${before}`, `pad_${after}`].map((key) => row.at(key).number()),
        )
      }
  },
  keep_ratio: (section, context) => {
    for (const row of section.list()) {
      const target = { width: row.at('target_width').number(), height: row.at('target_height').number() }
      const { width, height } = keepRatio(sizeOf(row), target, row.at('longest').number())
      check(context, row.path, [width, height], [row.at('new_width').number(), row.at('new_height').number()])
    }
  },
  scale_size: (section, context) => {
    for (const row of section.list()) {
      const [size, cropPct, floor, truncated] = row.tuple(4).map((f) => f.number())
      const pipelines = ['timm-1.0', 'timm-0.6', 'vim'] as const
      check(
        context,
        row.path,
        pipelines.map((pipeline) => resizedSide(pipeline, size, cropPct)),
        [floor, floor, truncated],
      )
    }
  },
  efficientvim_resize: (section, context) => {
    for (const [size, row] of section.entries())
      check(context, row.path, [resizedSide('efficientvim', Number(size), 1)], [row.number()])
  },
  vim_resize: (section, context) => {
    for (const [size, row] of section.entries())
      check(context, row.path, [resizedSide('vim', Number(size), 0.875)], [row.number()])
  },
}

/** Sizes and offsets, in pixels. */
export const geometry: Kind = {
  name: 'geometry',
  matches: (file) => Object.keys(sections).some((name) => isPreprocessing(file, name)),
  run: (file, context) => {
    for (const [name, section] of Object.entries(sections)) if (file.has(name)) section(file.at(name), context)
  },
}
