import type { Image } from '@scanline/image'
import { CLASSES, type ClassName } from './outlines.js'
import { ownersOf, type Scene } from './scene.js'

/** What is to be seen of an object. */
export interface Instance {
  readonly name: ClassName
  /** Left, top, width, height in pixels. */
  readonly box: readonly [number, number, number, number]
  readonly area: number
  /** COCO's run lengths: columns from the left, each from the top, beginning with what is outside. */
  readonly counts: readonly number[]
}

export interface Truth {
  readonly instances: readonly Instance[]
  /** One channel: 0 for what has no class, else the class's number from 1. */
  readonly labels: Image
}

/** Boxes, masks and the label map of a scene. Pixels belong to the object in front. */
export function truthOf(scene: Scene, classes: readonly ClassName[] = CLASSES): Truth {
  const { size, layers } = scene
  const owners = ownersOf(layers, size)
  const numbers = [0, ...layers.map(({ name }) => (name ? classes.indexOf(name) + 1 : 0))]
  const instances = layers.flatMap(({ name }, i) => (name ? [instanceOf(name, owners, i + 1, size)] : []))
  const data = owners.map((owner) => numbers[owner] as number)
  return { instances, labels: { width: size, height: size, channels: 1, data } }
}

function instanceOf(name: ClassName, owners: Uint8Array, owner: number, size: number): Instance {
  const counts: number[] = []
  let [left, top, right, bottom, area] = [size, size, -1, -1, 0]
  let inside = false
  let run = 0
  for (let x = 0; x < size; x++)
    for (let y = 0; y < size; y++) {
      const here = owners[y * size + x] === owner
      if (here !== inside) {
        counts.push(run)
        run = 0
        inside = here
      }
      run++
      if (!here) continue
      area++
      left = Math.min(left, x)
      top = Math.min(top, y)
      right = Math.max(right, x)
      bottom = Math.max(bottom, y)
    }
  counts.push(run)
  return { name, area, box: [left, top, right - left + 1, bottom - top + 1], counts }
}
