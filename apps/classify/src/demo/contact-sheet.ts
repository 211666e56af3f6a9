import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import { encodePng, type Image, resize } from '@scanline/image'
import type { Prediction } from '../top-k.js'

export interface SheetEntry {
  readonly image: Image
  /** Below the picture: its file name. */
  readonly caption: string
  readonly predictions: readonly Prediction[]
  /** The right answer, where it is known. */
  readonly truth?: string
}

export interface SheetText {
  readonly title: string
  readonly subtitle: string
}

const [ink, grey, faint, line, paper, card] = ['#1d2433', '#677084', '#e9ecf2', '#dfe3eb', '#f4f5f8', '#ffffff']
const [good, goodTint, bad, badTint, neutral, neutralTint] = ['#15845b', '#8fd0b3', '#c8404a', '#eda9ad', '#3b6fd4', '#a9c2ef']

const margin = 40
const gap = 20
const cell = { width: 272, height: 380, picture: 240, inset: 16 }
/** Where the bars of the three rows lie. */
const rows = { top: 304, step: 23, label: 126, bar: 62 }

/** A page of pictures with what the classifier says about each, as a PNG. */
export function contactSheet(entries: readonly SheetEntry[], { title, subtitle }: SheetText): Uint8Array {
  const columns = Math.min(4, entries.length)
  const width = Math.max(640, 2 * margin + columns * (cell.width + gap) - gap)
  const height = 2 * margin + 72 + Math.ceil(entries.length / columns) * (cell.height + gap) - gap
  const cards = entries.map((entry, i) => {
    const [x, y] = [margin + (i % columns) * (cell.width + gap), margin + 72 + Math.floor(i / columns) * (cell.height + gap)]
    return `<g transform="translate(${x} ${y})">${drawCard(entry)}</g>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Inter">
    <rect width="100%" height="100%" fill="${paper}"/>
    <text x="${margin}" y="${margin + 24}" font-size="26" font-weight="700" fill="${ink}">${escapeXml(title)}</text>
    <text x="${margin}" y="${margin + 50}" font-size="14" fill="${grey}">${escapeXml(subtitle)}</text>
    ${cards.join('\n')}
  </svg>`
  const font = { fontFiles: fontFiles(), loadSystemFonts: false, defaultFontFamily: 'Inter' }
  return new Resvg(svg, { font, fitTo: { mode: 'zoom', value: 1.5 } }).render().asPng()
}

function drawCard({ image, caption, predictions, truth }: SheetEntry): string {
  const right = truth === undefined ? undefined : predictions[0]?.label === truth
  const [strong, tint] = right === undefined ? [neutral, neutralTint] : right ? [good, goodTint] : [bad, badTint]
  const { picture, inset } = cell
  const barX = inset + rows.label
  const bars = predictions.slice(0, 3).map(({ label, probability }, i) => {
    const y = rows.top + i * rows.step
    const filled = Math.max(2, rows.bar * probability)
    return `<text x="${inset}" y="${y + 9}" font-size="13" font-weight="${i === 0 ? 600 : 400}" fill="${i === 0 ? ink : grey}">${escapeXml(shorten(label, 19))}</text>
      <rect x="${barX}" y="${y}" width="${rows.bar}" height="10" rx="5" fill="${faint}"/>
      <rect x="${barX}" y="${y}" width="${filled}" height="10" rx="${Math.min(5, filled / 2)}" fill="${i === 0 ? strong : tint}"/>
      <text x="${cell.width - inset}" y="${y + 9}" font-size="12" text-anchor="end" fill="${i === 0 ? ink : grey}">${(100 * probability).toFixed(1)} %</text>`
  })
  const note = right === false ? `is: ${truth}` : ''
  return `<rect width="${cell.width}" height="${cell.height}" rx="14" fill="${card}" stroke="${line}"/>
    <clipPath id="round"><rect x="${inset}" y="${inset}" width="${picture}" height="${picture}" rx="8"/></clipPath>
    <image x="${inset}" y="${inset}" width="${picture}" height="${picture}" preserveAspectRatio="xMidYMid slice" clip-path="url(#round)" href="data:image/png;base64,${base64(thumbnail(image))}"/>
    <text x="${inset}" y="282" font-size="12" fill="${grey}">${escapeXml(shorten(caption, 30))}</text>
    <text x="${cell.width - inset}" y="282" font-size="12" font-weight="600" text-anchor="end" fill="${bad}">${escapeXml(note)}</text>
    ${right === undefined ? '' : mark(right, strong)}${bars.join('\n')}`
}

/** A tick or a cross, drawn: fonts differ in what they have. */
function mark(right: boolean, colour: string): string {
  const path = right ? 'M -5.5 0.5 L -1.5 4.5 L 5.5 -4' : 'M -4.5 -4.5 L 4.5 4.5 M 4.5 -4.5 L -4.5 4.5'
  const at = cell.inset + cell.picture - 18
  return `<g transform="translate(${at} ${cell.inset + 18})"><circle r="13" fill="${colour}" stroke="#fff" stroke-width="2"/>
    <path d="${path}" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/></g>`
}

/** Twice the drawn size at most, so that a large photograph does not travel through the SVG. */
function thumbnail(image: Image): Uint8Array {
  const scale = Math.min(1, (2 * cell.picture) / Math.min(image.width, image.height))
  if (scale === 1) return encodePng(image)
  const [width, height] = [image.width, image.height].map((n) => Math.max(1, Math.round(n * scale))) as [number, number]
  return encodePng(resize(image, width, height, { filter: 'lanczos' }))
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const shorten = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text

const escapeXml = (text: string): string =>
  text.replace(/\p{Cc}/gu, '\ufffd').replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

function fontFiles(): string[] {
  const { resolve } = createRequire(import.meta.url)
  return ['400Regular', '600SemiBold', '700Bold'].map((weight) =>
    resolve(`@expo-google-fonts/inter/${weight}/Inter_${weight}.ttf`),
  )
}
