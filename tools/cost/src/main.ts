import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { costChart, sequenceChart } from './chart/charts.js'
import { type Chart, checkChartFile, writeChart } from './chart/render.js'
import { chooseModels } from './choose-models.js'
import { type Cost, countModel, modelNames, type Part } from './count.js'
import { type Form, forms, type Size } from './families.js'
import { sequenceStudy } from './sequence.js'
import { costRows, formatRows, partRows, sequenceRows, sizeName } from './table.js'
import { transformerBlockFlops } from './transformer.js'

export interface Output {
  out(text: string): void
  err(text: string): void
  /** One line that the next one replaces; '' clears it. */
  progress(text: string): void
}

const groupings = { stage: 'stages', op: 'ops', module: 'modules' } as const

interface CountFlags {
  readonly size?: Size[]
  readonly form: Form
  readonly batch: number
  readonly by?: keyof typeof groupings
}
interface OutputFlags {
  readonly json?: boolean
  readonly markdown?: boolean
  readonly chart?: string[]
}

/** The command line. Resolves to the exit status: 0, or 2 for arguments that cannot be. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  const command = new Command('cost')
    .description('Counts the parameters and the work of models, by the published rules and exactly.')
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err })

  withOutputs(
    command
      .command('count', { isDefault: true })
      .summary('parameters and work of models (the default)')
      .description(
        'Parameters, multiply-adds as the authors of a family count them, and exactly: products, convolutions, attention and scans.\n' +
          'Nothing is run and no weights are needed.',
      )
      .argument('[models...]', 'names or patterns such as "mambaout_*"; all by default')
      .option('--size <list>', 'images: 224, 800x1280, several with commas (default: that of the published figures)', sizes)
      .addOption(
        new Option('--form <form>', 'the model, or the backbone that is published for a task')
          .choices(forms)
          .default('classifier'),
      )
      .option('--batch <n>', 'images at a time', wholeNumber, 1)
      .addOption(new Option('--by <part>', 'break every model down').choices(Object.keys(groupings))),
  ).action(async (names: string[], flags: CountFlags & OutputFlags) => {
    checkCharts(flags.chart)
    const costs = count(chooseModels(names, modelNames()), flags, output)
    await give(output, flags, costs, flags.by ? () => breakdowns(costs, flags.by!, flags) : costRows(costs), costChart(costs))
  })

  withOutputs(
    command
      .command('sequence')
      .summary('which stages of which models have long sequences: L > 6 D')
      .description('Tokens L and width D of every stage at classification, detection and segmentation, and whether L > 6 D.')
      .argument('[models...]', 'names or patterns; all published models by default'),
  ).action(async (names: string[], flags: OutputFlags) => {
    checkCharts(flags.chart)
    const chosen = names.length > 0 ? chooseModels(names, modelNames()) : undefined
    const { groups, leftOut } = sequenceStudy(chosen, (model) => output.progress(`tracing ${model}`))
    output.progress('')
    for (const { model, why } of leftOut) output.err(`${model} is left out: ${why}\n`)
    await give(output, flags, groups, sequenceRows(groups), sequenceChart(groups))
  })

  command
    .command('block')
    .summary('the FLOPs of a transformer block: 24 D² L + 4 D L²')
    .argument('<width>', 'channels of a token, D', wholeNumber)
    .argument('<tokens>', 'length of the sequence, L', wholeNumber)
    .option('--json', 'print JSON')
    .action((width: number, tokens: number, { json }: OutputFlags) => {
      const flops = transformerBlockFlops(width, tokens)
      output.out(
        json
          ? `${JSON.stringify({ width, tokens, ...flops })}\n`
          : formatRows([
              ['part', 'GFLOP'],
              ...Object.entries(flops).map(([name, n]) =>
                name === 'ratio' ? [`quadratic part over the rest`, n.toFixed(4)] : [name, (n / 1e9).toFixed(6)],
              ),
            ]),
      )
    })

  try {
    await command.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    output.progress('')
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    output.err(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
}

const withOutputs = (command: Command): Command =>
  command
    .option('--json', 'print one JSON document instead of the table')
    .option('--markdown', 'print the table as Markdown')
    .option('--chart <files>', 'draw a chart: .svg, .png, or both with a comma', list)

/** Before anything is counted. */
const checkCharts = (files: readonly string[] = []): void => files.forEach(checkChartFile)

async function give(
  { out }: Output,
  { json, markdown = false, chart = [] }: OutputFlags,
  data: unknown,
  rows: readonly (readonly string[])[] | (() => string),
  picture: Chart,
): Promise<void> {
  if (json) out(`${JSON.stringify(data, null, 2)}\n`)
  else out(typeof rows === 'function' ? rows() : formatRows(rows, markdown))
  for (const file of chart) await writeChart(picture, file)
}

function count(models: readonly string[], { size, form, batch }: CountFlags, { progress }: Output): Cost[] {
  const costs: Cost[] = []
  for (const model of models)
    for (const one of size ?? [undefined]) {
      progress(`tracing ${model}${one ? ` at ${sizeName(one)}` : ''}`)
      costs.push(countModel(model, { form, batch, ...(one && { size: one }) }))
    }
  progress('')
  return costs
}

function breakdowns(costs: readonly Cost[], by: keyof typeof groupings, { markdown }: OutputFlags): string {
  return costs
    .map((cost) => {
      const parts: readonly Part[] = cost[groupings[by]]
      return `${cost.model} at ${sizeName(cost.size)}\n${markdown ? '\n' : ''}${formatRows(partRows(parts, by), markdown)}`
    })
    .join('\n')
}

function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) throw new InvalidArgumentError('expected names with commas between them')
  return names
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1 on')
  return value
}

const sizes = (text: string): Size[] =>
  list(text).map((name) => {
    const sides = name.split(/[x×]/)
    if (sides.length > 2) throw new InvalidArgumentError('expected a side, or height x width')
    const [height, width = height] = sides.map(wholeNumber)
    return [height, width]
  })
