import { join } from 'node:path'
import { saveChunks } from '@scanline/checkpoint/node'
import type { EpochSummary } from '@scanline/metrics'
import type { Progress } from '@scanline/train'
import { type Curve, curvesSvg } from '../chart.js'
import { chunks, type TrainSettings } from './settings.js'

/** What a report tells besides curves. */
export interface ReportFacts {
  readonly settings: TrainSettings
  readonly parameters: number
  readonly classes: readonly string[]
  readonly images: { readonly train: number; readonly validation: number }
  readonly progress: Progress
}

/** Writes `report.html`: one file with the curves of the run, what was trained on what, and every value of the recipe. */
export async function writeReport(folder: string, facts: ReportFacts): Promise<void> {
  const { summary } = facts.progress
  if (summary.length === 0) return
  const charts = [
    await curvesSvg('Loss', 'loss', [curve('training', summary, ({ train }) => train['loss']), ...evaluation(summary, 'loss')]),
    await curvesSvg('Accuracy on the validation images', '%', [...evaluation(summary, 'top1'), ...evaluation(summary, 'top5')]),
    await curvesSvg('Learning rate at the end of an epoch', 'rate', [curve('rate', summary, ({ lr }) => lr)], { zero: true }),
  ]
  await saveChunks(join(folder, 'report.html'), chunks(page(facts, charts)))
}

const titles: Readonly<Record<string, string>> = { loss: 'validation', top1: 'top-1', top5: 'top-5' }

/** A figure, and where weights are averaged also that of the plain ones. */
function evaluation(summary: readonly EpochSummary[], name: string): Curve[] {
  const own = curve(titles[name]!, summary, (epoch) => epoch.eval[name])
  const plain = curve(`${titles[name]}, plain`, summary, (epoch) => epoch.eval[`plain_${name}`])
  return plain.points.length > 0 ? [{ ...own, name: `${own.name}, averaged` }, plain] : [own]
}

const curve = (name: string, summary: readonly EpochSummary[], value: (epoch: EpochSummary) => number | undefined): Curve => ({
  name,
  points: summary.flatMap((epoch) => {
    const y = value(epoch)
    return y === undefined || y === null ? [] : [[epoch.epoch + 1, y] as const]
  }),
})

function page({ settings, parameters, classes, images, progress }: ReportFacts, charts: readonly string[]): string {
  const { best, summary, updates } = progress
  const { recipe, model, modelConfig, evalMetric, device, threads, data, initFrom, pretrained } = settings
  const bestEpoch = summary.find(({ epoch }) => epoch === best?.epoch)
  const facts: [string, string][] = [
    ['model', `${model}${modelConfig ? ` ${JSON.stringify(modelConfig)}` : ''}, ${(parameters / 1e6).toFixed(2)} M parameters`],
    ['starts from', pretrained ? 'the published weights' : (initFrom ?? `random weights, seed ${recipe.seed}`)],
    ['data', `${data}: ${images.train} images of ${classes.length} classes, ${images.validation} to validate`],
    ['images', `${recipe.size} × ${recipe.size}, ${recipe.batch.perDevice * recipe.batch.accumulation} an update`],
    ['done', `${summary.length} epochs, ${updates} updates`],
    ['best', best ? `${evalMetric} ${best.metric.toFixed(3)} in epoch ${best.epoch + 1}${topOf(bestEpoch)}` : 'none yet'],
    ['device', `${device}, ${threads ?? '?'} threads`],
  ]
  const values = flat(recipe).map(([name, value]): [string, string] => [name, value])
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(model)}: training</title>
<style>
body { font: 14px/1.5 'DejaVu Sans', Arial, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td { padding: .1em 1.2em .1em 0; vertical-align: top } td:first-child { color: #666; white-space: nowrap }
svg { display: block; max-width: 100%; height: auto; margin: 1.5em 0 } summary { cursor: pointer; margin: 1em 0 }
</style>
<h1>${escaped(model)}</h1>
${table(facts)}
${charts.join('\n')}
<details><summary>Recipe ${escaped(recipe.name)}</summary>
${table(values)}
</details>
</html>
`
}

const topOf = (epoch: EpochSummary | undefined): string =>
  epoch ? ` (top-1 ${epoch.eval['top1']?.toFixed(2)} %, top-5 ${epoch.eval['top5']?.toFixed(2)} %)` : ''

const table = (rows: readonly (readonly [string, string])[]): string =>
  `<table>\n${rows.map(([name, value]) => `<tr><td>${escaped(name)}</td><td>${escaped(value)}</td></tr>`).join('\n')}\n</table>`

/** Names of nested values with dots. */
const flat = (value: object, prefix = ''): [string, string][] =>
  Object.entries(value).flatMap(([name, inner]): [string, string][] =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? flat(inner, `${prefix}${name}.`)
      : [[prefix + name, Array.isArray(inner) ? inner.join(', ') : String(inner)]],
  )

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)
