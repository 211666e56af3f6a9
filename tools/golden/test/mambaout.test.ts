import { Field } from '@scanline/golden'
import { describe, expect, it } from 'vitest'
import { NotSupportedError } from '../src/errors.js'
import { readConfig } from '../src/mambaout/model.js'

const config = (json: object) => readConfig(new Field(json))
const official = 'yuweihao/MambaOut models/mambaout.py'
const timm = 'timm/models/mambaout.py'

describe('constructor arguments', () => {
  it('override those of a named model', () => {
    const { depths, dims, numClasses, dropPathRate } = config({
      source: official,
      model: 'mambaout_kobe',
      args: { num_classes: 21, drop_path_rate: 0.1, drop_rate: 0.5 },
    })
    expect({ depths, dims, numClasses, dropPathRate }).toEqual({
      depths: [3, 3, 15, 3],
      dims: [48, 96, 192, 288],
      numClasses: 21,
      dropPathRate: 0.1,
    })
  })

  it('mean the same in timm’s spelling', () => {
    const args = {
      depths: [1, 1],
      dims: [8, 16],
      in_chans: 4,
      num_classes: 0,
      act_layer: 'silu',
      norm_layer: 'LayerNorm',
      conv_ratio: 1.25,
      expansion_ratio: 2.5,
      kernel_size: 5,
      stem_mid_norm: false,
      ls_init_value: 1e-6,
      downsample: 'conv_nf',
      head_fn: 'norm_mlp',
      global_pool: 'avgmax',
      drop_rate: 0.2,
    }
    expect(config({ source: timm, model: 'MambaOut', args })).toEqual({
      depths: [1, 1],
      dims: [8, 16],
      inChans: 4,
      numClasses: 0,
      act: 'silu',
      convRatio: 1.25,
      expansionRatio: 2.5,
      kernelSize: 5,
      stemMidNorm: false,
      lsInit: 1e-6,
      downsample: 'conv_nf',
      head: 'norm_mlp',
      globalPool: 'avgmax',
      headDropout: 0.2,
    })
  })

  it.each(['SiLU', 'silu', 'swish', 'torch.nn.SiLU', "<class 'torch.nn.modules.activation.SiLU'>", 'SiLU()'])(
    'the activation %s',
    (act_layer) => expect(config({ source: timm, model: 'mambaout_femto', args: { act_layer } }).act).toBe('silu'),
  )

  it('leave an argument that is null at its default', () => {
    expect(config({ source: timm, model: 'MambaOut', args: { ls_init_value: null } })).not.toHaveProperty('lsInit')
  })

  it('norms other than the published one are not supported', () => {
    const norm = (norm_layer: string) => () => config({ source: timm, model: 'MambaOut', args: { norm_layer } })
    expect(norm('functools.partial(LayerNorm, eps=1e-06)')).not.toThrow()
    expect(norm('functools.partial(LayerNorm, eps=1e-05)')).toThrow(NotSupportedError)
    expect(norm('RmsNorm')).toThrow(NotSupportedError)
  })
})
