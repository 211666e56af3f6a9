import type { TopLevelSpec } from 'vega-lite'

/** One line of a chart. */
export interface Curve {
  readonly name: string
  /** x and y of each point. */
  readonly points: readonly (readonly [number, number])[]
}

/** Curves over epochs as SVG. The drawing libraries are large, so they are loaded when a chart is drawn. */
export async function curvesSvg(title: string, unit: string, curves: readonly Curve[], { zero = false } = {}): Promise<string> {
  const values = curves.flatMap(({ name, points }) => points.map(([epoch, value]) => ({ name, epoch, value })))
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    data: { values },
    width: 560,
    height: 260,
    mark: { type: 'line', point: { size: 14 }, strokeWidth: 1.5 },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', title: 'epoch', axis: { tickMinStep: 1 }, scale: { zero: false, nice: false } },
      y: { field: 'value', type: 'quantitative', title: unit, scale: { zero } },
      color: {
        field: 'name',
        type: 'nominal',
        title: null,
        sort: null,
        scale: { range: ['#08519c', '#d62728', '#fd8d3c', '#31a354', '#756bb1'] },
        legend: curves.length > 1 ? { orient: 'right' } : null,
      },
    },
    config: {
      background: 'white',
      font: 'DejaVu Sans, Arial, sans-serif',
      axis: { gridColor: '#e6e6e6', labelFontSize: 11, titleFontSize: 12 },
      title: { anchor: 'start', fontSize: 14 },
    },
  }
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')])
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}
