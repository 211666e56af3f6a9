import { ArgumentError, type Shape } from '@scanline/tensor'

/** Parameters that share a weight decay and a learning rate. */
export interface ParameterGroup {
  readonly name: string
  readonly weightDecay: number
  /** What the learning rate is multiplied by. */
  readonly lrScale: number
  /** In the order of the model. */
  readonly parameters: readonly string[]
}

export interface GroupOptions {
  readonly weightDecay: number
  /** Names that are never decayed, whatever their shape. */
  readonly exclude?: readonly string[]
  /**
   * `timm`: no decay with at most one axis, and the undecayed group comes first. `efficientvim`: no decay with exactly one
   * axis, and the decayed group comes first.
   */
  readonly rule?: 'timm' | 'efficientvim'
  /** Another learning rate for some parameters, such as `layerScales` gives: what it is multiplied by. */
  readonly lrScale?: (name: string) => number
}

/**
 * Which parameters get weight decay: those of at least two axes that are no biases and not excluded. Names and shapes
 * are all it looks at, so `A_log` of a scan is decayed and its `D` is not. The order of groups and parameters is the
 * numbering of an optimizer's state in a checkpoint. Without any weight decay timm makes one group.
 *
 * @example
 * parameterGroups(model.namedParameters(), { weightDecay: 0.05 })
 */
export function parameterGroups(
  parameters: Iterable<readonly [name: string, tensor: { readonly shape: Shape }]>,
  { weightDecay, exclude = [], rule = 'timm', lrScale = () => 1 }: GroupOptions,
): ParameterGroup[] {
  const groups = new Map<string, { name: string; weightDecay: number; lrScale: number; parameters: string[] }>()
  const undecayed = (name: string, { shape }: { readonly shape: Shape }): boolean =>
    (rule === 'timm' ? shape.length <= 1 : shape.length === 1) || name.endsWith('.bias') || exclude.includes(name)
  for (const [name, tensor] of parameters) {
    const scale = lrScale(name)
    if (!(scale >= 0)) throw new ArgumentError(`the learning rate of ${name} cannot be multiplied by ${scale}`)
    const kind = weightDecay === 0 ? 'all' : undecayed(name, tensor) ? 'no_decay' : 'decay'
    const key = `${kind} ${scale}`
    const group = groups.get(key) ?? {
      name: scale === 1 ? kind : `${kind} x${scale}`,
      weightDecay: kind === 'decay' ? weightDecay : 0,
      lrScale: scale,
      parameters: [],
    }
    group.parameters.push(name)
    groups.set(key, group)
  }
  const first = rule === 'timm' ? 'no_decay' : 'decay'
  const rank = ({ name }: ParameterGroup): number => (name === first || name.startsWith(`${first} `) ? 0 : 1)
  return [...groups.values()].sort((a, b) => rank(a) - rank(b))
}

/**
 * Rates that fall towards the input: `decay` to the power of how many layers lie above. `layerOf` gives a parameter's
 * layer, from 0 for the embeddings to `layers` for the head.
 */
export const layerScales =
  (layers: number, decay: number, layerOf: (name: string) => number): ((name: string) => number) =>
  (name) =>
    decay ** (layers - layerOf(name))
