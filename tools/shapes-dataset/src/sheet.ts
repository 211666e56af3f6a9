import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import { encodePng, type Image, resize } from '@scanline/image'
import { sceneAt } from './picture.js'
import { classNames, type DatasetOptions } from './plan.js'
import { render } from './render.js'
import { truthOf } from './truth.js'

const [ink, grey, paper, line] = ['#1d2433', '#677084', '#f4f5f8', '#ffffff']
/** Boxes and label maps: one colour a class. */
const colours = ['#e6194b', '#3cb44b', '#ffe119', '#4363d8', '#f58231', '#911eb4', '#46f0f0', '#f032e6', '#bcf60c', '#fabebe']
const [margin, cell, gap, rows, scenes] = [32, 108, 8, 6, 4]
const sceneCell = 268

/** A page to look at: pictures of every class, and scenes beside their boxes and label maps. */
export function contactSheet(options: DatasetOptions): Uint8Array {
  const names = classNames(options)
  const width = 2 * margin + Math.max(names.length * (cell + gap), scenes * (sceneCell + gap)) - gap
  const classesHeight = 24 + rows * (cell + gap)
  const top = margin + 56
  const height = top + classesHeight + 40 + 2 * (sceneCell + gap) + margin
  const body = [
    ...names.map(
      (name, i) => `<text x="${margin + i * (cell + gap)}" y="${top + 12}" font-size="13" fill="${ink}">${name}</text>`,
    ),
    ...Array.from({ length: rows * names.length }, (_, i) => {
      const [x, y] = [margin + (i % names.length) * (cell + gap), top + 24 + Math.floor(i / names.length) * (cell + gap)]
      return picture(render(sceneAt(options, 'classification', 'train', i)), x, y, cell)
    }),
    `<text x="${margin}" y="${top + classesHeight + 26}" font-size="15" fill="${ink}">scenes: boxes of what is to be seen, label maps below</text>`,
    ...Array.from({ length: scenes }, (_, i) =>
      drawScene(options, i, margin + i * (sceneCell + gap), top + classesHeight + 40),
    ).flat(),
  ]
  const subtitle = `seed ${options.seed}, difficulty ${options.difficulty}, ${options.classification.size} and ${options.scenes.size} pixels; the class is that of the largest object`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" font-family="Inter">
    <rect width="100%" height="100%" fill="${paper}"/>
    <text x="${margin}" y="${margin + 16}" font-size="22" font-weight="700" fill="${ink}">Shapes</text>
    <text x="${margin}" y="${margin + 36}" font-size="12" fill="${grey}">${subtitle}</text>
    ${body.join('\n')}
  </svg>`
  const font = { fontFiles: fontFiles(), loadSystemFonts: false, defaultFontFamily: 'Inter' }
  return new Resvg(svg, { font }).render().asPng()
}

function drawScene(options: DatasetOptions, index: number, x: number, y: number): string[] {
  const names = classNames(options)
  const scene = sceneAt(options, 'scenes', 'train', index)
  const { instances, labels } = truthOf(scene, names)
  const scale = sceneCell / scene.size
  const boxes = instances.map(({ name, box: [left, top, width, height] }) => {
    const colour = colours[names.indexOf(name)]
    const [bx, by] = [x + left * scale, y + top * scale]
    return `<rect x="${bx}" y="${by}" width="${width * scale}" height="${height * scale}" fill="none" stroke="${line}" stroke-width="3"/>
      <rect x="${bx}" y="${by}" width="${width * scale}" height="${height * scale}" fill="none" stroke="${colour}" stroke-width="1.6"/>
      <text x="${bx + 1}" y="${by - 3}" font-size="11" font-weight="600" fill="${colour}" stroke="${line}" stroke-width="2.5" paint-order="stroke">${name}</text>`
  })
  return [picture(render(scene), x, y, sceneCell), ...boxes, picture(coloured(labels), x, y + sceneCell + gap, sceneCell)]
}

function coloured({ width, height, data }: Image): Image {
  const rgb = colours.map((text) => [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)))
  const out = new Uint8Array(data.length * 3)
  for (const [i, label] of data.entries()) if (label > 0) out.set(rgb[label - 1] as number[], 3 * i)
  return { width, height, channels: 3, data: out }
}

/** Enlarged pixel by pixel, as a person should see what a model sees. */
function picture(image: Image, x: number, y: number, side: number): string {
  const large = resize(image, 2 * side, 2 * side, { filter: image.width < 2 * side ? 'nearest' : 'lanczos' })
  const data = Buffer.from(encodePng(large)).toString('base64')
  return `<image x="${x}" y="${y}" width="${side}" height="${side}" href="data:image/png;base64,${data}"/>`
}

function fontFiles(): string[] {
  const { resolve } = createRequire(import.meta.url)
  return ['400Regular', '600SemiBold', '700Bold'].map((weight) =>
    resolve(`@expo-google-fonts/inter/${weight}/Inter_${weight}.ttf`),
  )
}
