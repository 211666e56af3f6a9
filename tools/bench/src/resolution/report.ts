import { type Chart, formatRows, type Rows } from '@scanline/cost'
import { type Network, networks, type Point, type Study } from './study.js'

const names = Object.keys(networks) as Network[]
const colours = ['#08519c', '#fd8d3c', '#a63603']
const mebi = (bytes: number): number => bytes / 2 ** 20
const three = (n: number): string => Number(n.toPrecision(3)).toString()

/** A row a size: time and memory of each network, and the part of the scan. */
export function studyRows({ points }: Study): Rows {
  const used = names.filter((network) => points.some((p) => p.network === network))
  const sizes = [...new Set(points.map(({ size }) => size))].sort((a, b) => a - b)
  const cells = (p: Point | undefined): string[] => {
    if (p?.ms === undefined) return [p?.notRun === undefined ? '' : 'not run', '', '']
    return [three(p.ms), three(mebi(p.peakRss!)), three(mebi(p.working ?? 0))]
  }
  const rows = sizes.map((size) => {
    const at = (network: Network) => points.find((p) => p.network === network && p.size === size)
    const { scanShare, ms } = at('scan') ?? {}
    return [
      String(size),
      String(points.find((p) => p.size === size)!.tokens),
      ...used.flatMap((network) => cells(at(network))),
      scanShare === undefined ? '' : three(ms! * scanShare),
      scanShare === undefined ? '' : `${(100 * scanShare).toFixed(0)} %`,
    ]
  })
  const titles = used.flatMap((network) => [`${network}: ms`, 'peak MiB', 'working MiB'])
  return [['size', 'tokens', ...titles, 'scans ms', 'their share'], ...rows]
}

/** The study as a text with a table, for a terminal or as Markdown. */
export function formatStudy(study: Study, markdown = false): string {
  const { machine, device, threads, date, warnings, points } = study
  const failed = points.filter(({ notRun }) => notRun !== undefined)
  return [
    `Vim-Tiny, one image, ${device}, ${threads} ${threads === 1 ? 'thread' : 'threads'}; ${machine.cpu}, Node ${machine.node}; ${date}${machine.commit ? `, commit ${machine.commit}` : ''}`,
    '',
    formatRows(studyRows(study), markdown),
    ...warnings.map((warning) => `Warning: ${warning}.\n`),
    ...failed.map(({ network, size, notRun }) => `Not run: ${network} at ${size}: ${notRun}\n`),
  ].join('\n')
}

/** Time, peak memory and the scans' own time against the number of tokens: straight lines are linear cost. */
export function studyChart({ points, threads, device }: Study): Chart {
  const timed = points.filter(({ ms }) => ms !== undefined)
  const sizes = timed.map(({ size }) => size)
  const base = { width: 270, height: 300, mark: { type: 'line', point: true } } as const
  const x = {
    field: 'tokens',
    type: 'quantitative',
    title: `tokens (${Math.min(...sizes)} to ${Math.max(...sizes)} pixels a side)`,
  } as const
  const color = { field: 'network', type: 'nominal', title: null, scale: { domain: names, range: colours } } as const
  const legend = { orient: 'bottom', columns: 1, symbolType: 'stroke', symbolStrokeColor: '#333333', symbolSize: 400 } as const
  const dashed = { strokeDash: { field: 'what', type: 'nominal', title: null, sort: null, legend } } as const
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: `Vim-Tiny against resolution, one image, ${device}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    hconcat: [
      {
        ...base,
        data: { values: timed.map(({ network, tokens, ms }) => ({ network, tokens, seconds: ms! / 1000 })) },
        encoding: { x, y: { field: 'seconds', type: 'quantitative', title: 'seconds' }, color },
      },
      {
        ...base,
        data: {
          values: timed.flatMap(({ network, tokens, peakRss, working = 0 }) => [
            { network, tokens, what: 'peak of the process', mebi: mebi(peakRss!) },
            { network, tokens, what: 'planned between steps', mebi: mebi(working) },
          ]),
        },
        encoding: { x, y: { field: 'mebi', type: 'quantitative', title: 'MiB' }, color, ...dashed },
      },
      {
        ...base,
        data: {
          values: timed.flatMap(({ tokens, ms, scanShare }) =>
            scanShare === undefined
              ? []
              : [
                  { tokens, what: 'whole network', seconds: ms! / 1000 },
                  { tokens, what: 'its scans', seconds: (ms! * scanShare) / 1000 },
                ],
          ),
        },
        encoding: {
          x,
          y: { field: 'seconds', type: 'quantitative', title: 'seconds, with scans' },
          ...dashed,
          color: { value: colours[0] },
        },
      },
    ],
    resolve: { scale: { strokeDash: 'independent' }, legend: { strokeDash: 'independent' } },
  }
}
