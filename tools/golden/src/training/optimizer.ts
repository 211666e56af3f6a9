import { adamw, lamb, type Optimizer, sgd } from '@scanline/optim'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'

/** PyTorch's and timm's argument names. */
const common = ['lr', 'betas', 'eps', 'weight_decay']
const known: Readonly<Record<string, readonly string[]>> = {
  adamw: common,
  adam: common,
  lamb: [
    ...common,
    'max_grad_norm',
    'grad_averaging',
    'bias_correction',
    'always_adapt',
    'trust_clip',
    'decoupled_decay',
    'caution',
  ],
  sgd: ['lr', 'momentum', 'dampening', 'nesterov', 'weight_decay'],
}

/** An optimizer from the last part of its class's name and its arguments. */
export function readOptimizer(source: string, args: Field): Optimizer {
  const name = source.split(/[\s.]/).at(-1)!.toLowerCase()
  const allowed = known[name]
  if (!allowed) throw new NotSupportedError(`the optimizer ${JSON.stringify(source)}`)
  const unknown = args.keys().find((key) => !allowed.includes(key))
  if (unknown !== undefined) throw new NotSupportedError(`${args.path}.${unknown}`)

  const number = (key: string) => args.maybe(key)?.number()
  const flag = (key: string) => args.maybe(key)?.boolean()
  const betas = args
    .maybe('betas')
    ?.tuple(2)
    .map((f) => f.number()) as [number, number] | undefined
  const eps = number('eps')
  const averages = { ...(betas && { betas }), ...(eps !== undefined && { eps }) }
  if (name === 'sgd')
    return sgd(without({ momentum: number('momentum'), dampening: number('dampening'), nesterov: flag('nesterov') }))
  if (name !== 'lamb') return adamw({ ...averages, decoupled: name === 'adamw' })
  const limit = args.has('max_grad_norm') ? (number('max_grad_norm') ?? null) : undefined
  return lamb({
    ...averages,
    ...(limit !== undefined && { maxGradNorm: limit }),
    ...without({
      gradAveraging: flag('grad_averaging'),
      biasCorrection: flag('bias_correction'),
      alwaysAdapt: flag('always_adapt'),
      trustClip: flag('trust_clip'),
      decoupledDecay: flag('decoupled_decay'),
      caution: flag('caution'),
    }),
  })
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

const without = <T extends object>(options: T): Given<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>
