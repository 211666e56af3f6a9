import { encodePng } from '@scanline/image'
import type { ClassName } from './outlines.js'
import { classNames, type DatasetOptions, SETS, type SetName, SPLITS, type Split } from './plan.js'
import { chanceOf } from './random.js'
import { render } from './render.js'
import { classifyScene, manyScene, type Scene } from './scene.js'
import { type Instance, truthOf } from './truth.js'

/** A file of the data set; the path has `/` between its parts. */
export interface MadeFile {
  readonly path: string
  readonly bytes: Uint8Array
}

export interface Picture {
  readonly files: readonly MadeFile[]
  /** Of scenes. */
  readonly instances: readonly Instance[]
}

/** Classes take turns, so that each has as many pictures. */
export const classOf = (options: DatasetOptions, index: number): ClassName =>
  classNames(options)[index % options.classes] as ClassName

/** One picture before it is painted: a function of the options, set, split and index. */
export function sceneAt(options: DatasetOptions, set: SetName, split: Split, index: number): Scene {
  const chance = chanceOf(options.seed, SETS.indexOf(set), SPLITS.indexOf(split), index)
  const what = { size: options[set].size, classes: classNames(options), difficulty: options.difficulty }
  return set === 'classification' ? classifyScene(chance, what, classOf(options, index)) : manyScene(chance, what)
}

export function pictureAt(options: DatasetOptions, set: SetName, split: Split, index: number): Picture {
  const scene = sceneAt(options, set, split, index)
  const bytes = encodePng(render(scene))
  const name = `${String(index).padStart(6, '0')}.png`
  if (set === 'classification')
    return { files: [{ path: `classification/${split}/${classOf(options, index)}/${name}`, bytes }], instances: [] }
  const { instances, labels } = truthOf(scene, classNames(options))
  return {
    files: [
      { path: `scenes/${split}/images/${name}`, bytes },
      { path: `scenes/${split}/labels/${name}`, bytes: encodePng(labels) },
    ],
    instances,
  }
}
