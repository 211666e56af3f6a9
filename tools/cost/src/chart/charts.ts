import type { Cost } from '../count.js'
import { type ModelSequences, tasks } from '../sequence.js'
import { groupName, sizeName } from '../table.js'
import type { Chart } from './render.js'

const schema = 'https://vega.github.io/schema/vega-lite/v6.json'
const strideColours = { 4: '#9ecae1', 8: '#4292c6', 16: '#08306b', 32: '#fd8d3c', 64: '#a63603' }

/** Several models: how much each is and of what; several sizes: a curve each; one model: its stages. */
export function costChart(costs: readonly Cost[]): Chart {
  if (costs.length === 1) return stageChart(costs[0])
  const sizes = new Set(costs.map(({ size }) => sizeName(size)))
  const models = new Set(costs.map(({ model }) => model))
  return sizes.size > 1 && models.size < costs.length ? sizeChart(costs) : modelChart(costs)
}

/** What the operations of a model are for, and its colour. */
const colours = {
  'linear layers': '#08519c',
  'convolutions, 2-d': '#6baed6',
  'convolutions, 1-d': '#c6dbef',
  'products of activations': '#31a354',
  attention: '#a1d99b',
  scans: '#d62728',
  'other arithmetic': '#bdbdbd',
}

function modelChart(costs: readonly Cost[]): Chart {
  const named = costs.map((cost) => ({ name: `${cost.model} ${sizeName(cost.size)}`, cost }))
  const parts = named.flatMap(({ name, cost: { macsByKind, otherFlops } }) => {
    const { linear, conv2d, conv1d, matmul, attention, scan } = macsByKind
    const flops = [linear, conv2d, conv1d, matmul, attention, scan].map((macs) => 2 * macs)
    return Object.keys(colours).map((what, order) => ({ name, what, order, flops: [...flops, otherFlops][order] }))
  })
  const y = { field: 'name', type: 'nominal', sort: null, title: null } as const
  return {
    $schema: schema,
    title: 'Multiply-adds for a batch, and what all operations are for',
    hconcat: [
      {
        data: { values: named.map(({ name, cost }) => ({ name, gmacs: cost.macs / 1e9 })) },
        width: 280,
        height: { step: 18 },
        mark: { type: 'point', filled: true, size: 60, color: '#333333' },
        encoding: { y, x: { field: 'gmacs', type: 'quantitative', scale: { type: 'log' }, title: 'GMAC, all counted' } },
      },
      {
        data: { values: parts },
        width: 320,
        height: { step: 18 },
        mark: 'bar',
        encoding: {
          y: { ...y, axis: null },
          x: { field: 'flops', type: 'quantitative', stack: 'normalize', title: 'share of all operations' },
          order: { field: 'order', type: 'ordinal' },
          color: {
            field: 'what',
            type: 'nominal',
            title: null,
            scale: { domain: Object.keys(colours), range: Object.values(colours) },
          },
        },
      },
    ],
  }
}

function sizeChart(costs: readonly Cost[]): Chart {
  const values = costs.map(({ model, size, macs }) => ({ model, side: Math.sqrt(size[0] * size[1]), gmacs: macs / 1e9 }))
  return {
    $schema: schema,
    title: 'Multiply-adds against resolution, all counted',
    data: { values },
    width: 520,
    height: 340,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'side', type: 'quantitative', title: 'pixels a side (root of height × width)', scale: { zero: false } },
      y: { field: 'gmacs', type: 'quantitative', title: 'GMAC' },
      color: { field: 'model', type: 'nominal', title: null },
    },
  }
}

/** Where one model's work is: a bar a stage, two for each multiply-add in one colour and the other arithmetic in another. */
function stageChart({ model, size, stages }: Cost): Chart {
  const values = stages.flatMap(({ name, macs, flops }) => [
    { name, what: 'multiply-adds, two each', gflop: (2 * macs) / 1e9 },
    { name, what: 'other arithmetic', gflop: (flops - 2 * macs) / 1e9 },
  ])
  return {
    $schema: schema,
    title: `${model} at ${sizeName(size)}, by stage`,
    data: { values },
    width: 480,
    height: { step: 18 },
    mark: 'bar',
    encoding: {
      y: { field: 'name', type: 'nominal', sort: null, title: null },
      x: { field: 'gflop', type: 'quantitative', title: 'GFLOP' },
      color: { field: 'what', type: 'nominal', title: null, scale: { range: ['#08519c', '#fd8d3c'] } },
    },
  }
}

/** L / 6 D of every stage at the three tasks; right of the line a block's quadratic part is the larger one. */
export function sequenceChart(groups: readonly ModelSequences[]): Chart {
  const values = groups.flatMap(({ models, tasks: found }) =>
    tasks.flatMap(({ name, size }) =>
      found[name].map(({ stride, ratio }) => ({
        models: groupName(models),
        task: `${name}, ${sizeName(size)}`,
        stride,
        ratio,
      })),
    ),
  )
  return {
    $schema: schema,
    title: 'Is it a long sequence? L over 6 D of each stage',
    data: { values },
    facet: { column: { field: 'task', type: 'nominal', sort: null, title: null } },
    spec: {
      width: 230,
      height: { step: 17 },
      layer: [
        { mark: { type: 'rule', color: '#d62728', strokeDash: [4, 3] }, encoding: { x: { datum: 1, type: 'quantitative' } } },
        {
          mark: { type: 'point', filled: true, size: 55, opacity: 0.9 },
          encoding: {
            x: {
              field: 'ratio',
              type: 'quantitative',
              scale: { type: 'log' },
              title: 'L / 6 D',
              axis: { tickCount: 5, format: '~g' },
            },
            y: { field: 'models', type: 'nominal', sort: null, title: null },
            color: {
              field: 'stride',
              type: 'ordinal',
              title: 'stride',
              scale: { domain: Object.keys(strideColours).map(Number), range: Object.values(strideColours) },
            },
          },
        },
      ],
    },
  }
}
