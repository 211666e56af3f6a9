import type { Module, ModuleOptions } from '@scanline/nn'
import { permute, scope, type Tensor, tensor } from '@scanline/tensor'
import { VimDetectionBackbone, VimFeaturePyramid, VimSegmentationBackbone } from '@scanline/vim'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { fillListed } from '../cases/state.js'
import { checkTensors } from '../cases/tensors.js'
import { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'
import { isVim } from '../vim/match.js'
import { configFrom } from '../vim/model.js'

/** Backbones of segmenters and detectors, and the detectors' pyramid. */
export const vimDense: Kind = {
  name: 'Vim backbones',
  matches: (file) => isVim(file) && file.has('backbones'),
  run: async (file, context) => {
    await noteUnread(context, file, ['backbones'])
    for (const [i, entry] of file.at('backbones').list().entries()) {
      const name = `backbones[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runBackbone(name, file, entry, context))
    }
  },
}

interface Dense {
  readonly module: Module
  readonly forward: (x: Tensor) => Record<string, Tensor>
}

const own = [
  'out_indices',
  'use_residual_as_feature',
  'last_layer_process',
  'out_feature',
  'out_channels',
  'scale_factors',
  'norm',
  'top_block',
]

const without = (args: Field, names: readonly string[]): Field =>
  new Field(Object.fromEntries(Object.entries(args.record()).filter(([name]) => !names.includes(name))), args.path)

/** The classifier's arguments, and those that only a backbone has. */
function build(args: Field, options: ModuleOptions): Dense {
  const { classToken: _, finalPool: __, numClasses: ___, ...config } = configFrom(without(args, own))
  const lastLayer = args.maybe('last_layer_process')?.oneOf('none', 'add', 'add & norm')
  const dense = { ...config, ...(lastLayer && { lastLayer }) }
  const outIndices = args.maybe('out_indices')?.shape()
  if (outIndices) {
    const residualAsFeature = args.maybe('use_residual_as_feature')?.boolean() ?? false
    const module = new VimSegmentationBackbone({ ...dense, outIndices, residualAsFeature }, options)
    return { module, forward: (x) => Object.fromEntries(module.forward(x).map((map, i) => [`feature${i}`, map])) }
  }
  const outChannels = args.maybe('out_channels')?.count()
  if (outChannels !== undefined) {
    const module = new VimFeaturePyramid({ ...dense, outChannels }, options)
    return { module, forward: (x) => Object.fromEntries(module.forward(x).map((map, i) => [`p${i + 2}`, map])) }
  }
  const module = new VimDetectionBackbone(dense, options)
  return { module, forward: (x) => ({ [args.at('out_feature').string()]: module.forward(x) }) }
}

async function runBackbone(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  await noteUnread(context, entry, ['args', 'state', 'kept', 'inputs', 'outputs'])
  const { device } = context
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const { module, forward } = build(entry.at('args'), { device: device.backend, dtype: device.dtype })
  const shape = entry.at('inputs').at('input').shape()
  const x = tensor(fillInput('input', shape, salt, 1), { shape, device: device.backend, dtype: device.dtype })
  const expected = entry
    .at('outputs')
    .entries()
    .map(([key, field]) => ({
      name: `${name}, ${key}`,
      reference: readReference(field),
      bound: boundOf(device, field.maybe('float32_error'), entry.maybe('float32_error')),
    }))
  try {
    await fillListed(context, entry, module, salt, { prefix: `${name}, ` })
    module.eval()
    const run = (image: Tensor) =>
      scope(() => {
        const maps = Object.entries(forward(permute(image, [0, 2, 3, 1])))
        return Object.fromEntries(maps.map(([key, map]) => [`${name}, ${key}`, permute(map, [0, 3, 1, 2])]))
      })
    await execute(context, name, run, [x], (mode, outputs) => checkTensors(context, mode, expected, outputs))
  } finally {
    x.dispose()
    module.dispose()
  }
}
