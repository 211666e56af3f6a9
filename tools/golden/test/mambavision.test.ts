import { Field } from '@scanline/golden'
import { describe, expect, it } from 'vitest'
import { readBackboneConfig, readConfig } from '../src/mambavision/model.js'
import { changed, fixture, golden, type Json } from './helpers.js'

describe('the reference files', () => {
  it.each(['micro_ls_50x70', 'grad_micro_48x80', 'blocks'])('%s holds', async (name) => {
    const { status, out, err } = await golden('--device', 'reference', fixture(`mambavision/${name}.json`))
    expect(err).toBe('')
    expect(out).toMatch(/1 file: 1 holds\n$/)
    expect(status).toBe(0)
  })

  it.each<[string, string, (json: Json) => void]>([
    ['norm', 'mambavision/micro_ls_50x70.json', (json) => (json.stages.norm.samples[0] += 0.01)],
    ['logits', 'mambavision/micro_ls_50x70.json', (json) => (json.logits.data[3] += 0.01)],
    ['buffers_after', 'mambavision/grad_micro_48x80.json', (json) => (json.buffers_after[0][2][0] += 0.01)],
  ])('a value of %s that is off is found', async (name, file, change) => {
    const { status, out } = await golden('--device', 'reference', changed(file, change))
    expect(out).toContain(name)
    expect(status).toBe(1)
  })
})

describe('constructor arguments', () => {
  const config = (json: object) => readConfig(new Field(json))
  it('override those of a variant; what the constructor ignores is ignored', () => {
    const args = { num_classes: 21, drop_path_rate: 0.1, qk_scale: 1.5, resolution: 224, qkv_bias: false, in_chans: 4 }
    const { depths, numClasses, dropPathRate, qkNorm, qkvBias, inChans, layerScale } = config({ model: 'mamba_vision_B', args })
    expect({ depths, numClasses, dropPathRate, qkNorm, qkvBias, inChans, layerScale }).toEqual({
      depths: [3, 3, 10, 5],
      numClasses: 21,
      dropPathRate: 0.1,
      qkNorm: true,
      qkvBias: false,
      inChans: 4,
      layerScale: 1e-5,
    })
  })

  it('null takes a layer scale away', () => {
    expect(config({ model: 'mamba_vision_B', args: { layer_scale: null } }).layerScale).toBeUndefined()
  })

  it('a detector never gets its drop path rate', () => {
    const args = {
      dim: 8,
      in_dim: 4,
      depths: [1, 1, 1, 1],
      window_size: [1, 1, 2, 2],
      num_heads: [1, 1, 1, 1],
      drop_path_rate: 0.8,
    }
    expect(readBackboneConfig(new Field({ model: 'MM_mamba_vision', args }))).not.toHaveProperty('dropPathRate')
  })

  it('the class alone needs its dimensions, and unknown names are refused', () => {
    expect(() => config({ model: 'MambaVision', args: { dim: 8 } })).toThrow(/"in_dim"/)
    expect(() => config({ model: 'mamba_vision_X' })).toThrow(/there is no model/)
    expect(() => config({ model: 'mamba_vision_T', args: { dims: 8 } })).toThrow(/no such argument/)
  })
})
