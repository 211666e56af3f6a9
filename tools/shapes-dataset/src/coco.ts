import { classNames, type DatasetOptions, type Split } from './plan.js'
import type { Instance } from './truth.js'

/** The objects of each picture of a split as COCO's `instances` file: boxes, and masks as run lengths. */
export function cocoOf(options: DatasetOptions, split: Split, pictures: readonly (readonly Instance[])[]): string {
  const { size } = options.scenes
  const names = classNames(options)
  const images = pictures.map((_, id) => ({ id, file_name: `${String(id).padStart(6, '0')}.png`, width: size, height: size }))
  const annotations = pictures
    .flatMap((instances, image) => instances.map((instance) => ({ image, ...instance })))
    .map(({ image, name, box, area, counts }, i) => ({
      id: i + 1,
      image_id: image,
      category_id: names.indexOf(name) + 1,
      bbox: box,
      area,
      iscrowd: 0,
      segmentation: { size: [size, size], counts },
    }))
  const categories = names.map((name, i) => ({ id: i + 1, name, supercategory: 'shape' }))
  const info = { description: `Shapes, ${split}`, seed: options.seed, difficulty: options.difficulty }
  return `${JSON.stringify({ info, licenses: [], images, annotations, categories })}\n`
}
