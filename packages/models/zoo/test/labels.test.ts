import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { imagenet1k } from '../src/labels/imagenet-1k.js'

describe('imagenet1k', () => {
  const synsets = imagenet1k.map(({ synset }) => synset)

  it('lists the 1000 identifiers of ILSVRC-2012 in ascending order', () => {
    expect(synsets).toHaveLength(1000)
    expect(synsets).toEqual([...synsets].sort())
    expect([synsets[0], synsets[999]]).toEqual(['n01440764', 'n15075141'])
    // Of timm's timm/data/_info/imagenet_synsets.txt, one identifier a line.
    const digest = createHash('sha256')
      .update(synsets.map((synset) => `${synset}\n`).join(''))
      .digest('hex')
    expect(digest).toBe('70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15')
  })

  it.each([
    [0, 'tench, Tinca tinca'],
    [134, 'crane'],
    [281, 'tabby, tabby cat'],
    [517, 'crane'],
    [999, 'toilet tissue, toilet paper, bathroom tissue'],
  ])('calls class %i "%s"', (index, name) => expect(imagenet1k[index]?.name).toBe(name))

  it('gives every class a name of clean lemmas, and only the cranes share one', () => {
    for (const { synset, name } of imagenet1k) expect(name, synset).toMatch(/^\S.*\S$/)
    const names = imagenet1k.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual(['crane'])
  })
})
