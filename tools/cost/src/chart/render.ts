import { writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import type { TopLevelSpec } from 'vega-lite'
import { CostError } from '../errors.js'

/** A chart: a specification of Vega-Lite, data included. */
export type Chart = TopLevelSpec

/** What all charts look like. The fonts are those that a bare Linux has. */
const config = {
  background: 'white',
  font: 'DejaVu Sans, Arial, sans-serif',
  padding: 12,
  axis: { labelFontSize: 11, titleFontSize: 12, gridColor: '#e6e6e6', labelLimit: 420 },
  legend: { labelFontSize: 11, titleFontSize: 12, labelLimit: 260 },
  header: { labelFontSize: 12, titleFontSize: 12 },
  title: { fontSize: 14, anchor: 'start' },
} as const

const formats = ['.svg', '.png'] as const

/** Throws `CostError` for a file name that names no format of pictures known here. */
export function checkChartFile(file: string): void {
  if (!formats.includes(extname(file) as (typeof formats)[number]))
    throw new CostError(`a chart is written as ${formats.join(' or ')}, by the ending of its name; got "${file}"`)
}

/** The chart as SVG. The libraries are large, so they are loaded when a chart is drawn. */
export async function chartSvg(chart: Chart): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')])
  const { spec } = compile({ ...chart, config: { ...config, ...chart.config } } as Chart)
  return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
}

/** Draws the chart into a file, SVG or PNG by its ending. Rejects with `CostError` for another one. */
export async function writeChart(chart: Chart, file: string): Promise<void> {
  checkChartFile(file)
  const svg = await chartSvg(chart)
  if (extname(file) === '.svg') return writeFile(file, `${svg}\n`)
  const { Resvg } = await import('@resvg/resvg-js')
  await writeFile(file, new Resvg(svg, { fitTo: { mode: 'zoom', value: 2 } }).render().asPng())
}
