import { listModels, type ModelInfo, modelInfo } from '@scanline/zoo'
import { exitCodes, Failure } from './failure.js'
import type { Io } from './io.js'
import { table } from './table.js'

/** `models`: gives the exit status. */
export function models(glob: string, { json }: { readonly json?: boolean }, { stdout }: Io): number {
  const found = listModels(glob).map((name) => modelInfo(name))
  if (json) {
    stdout.write(`${JSON.stringify(found, undefined, 2)}\n`)
    return exitCodes.ok
  }
  if (found.length === 0) throw new Failure(`no model matches "${glob}"; \`models\` without a pattern lists all`)
  stdout.write(table(columns, found.map(row)))
  return exitCodes.ok
}

const columns = [
  { title: 'model' },
  { title: 'params', align: 'right' },
  { title: 'GMACs', align: 'right' },
  { title: 'size', align: 'right' },
  { title: 'top-1', align: 'right' },
  { title: 'classes', align: 'right' },
  { title: 'licence' },
  { title: 'weights' },
] as const

/** Figures at the size that images are brought to by default. */
function row(info: ModelInfo): string[] {
  const size = info.testInputSize[1]
  const { params, gmacs, top1 } = info.published
  return [
    info.name,
    `${(params / 1e6).toFixed(1)} M`,
    gmacs[size]?.toFixed(2) ?? '-',
    String(size),
    top1[size] === undefined ? '-' : `${top1[size].toFixed(2)} %`,
    String(info.numClasses),
    info.licence,
    info.weights ?? '-',
  ]
}
