import { compile, type Program } from '@scanline/compile'
import { openDevice } from '@scanline/devices'
import { decodeImage, evalTransform, type Image } from '@scanline/image'
import { ArgumentError, type Backend, scope, softmax, type Tensor, tensor } from '@scanline/tensor'
import { type Backbone, type CreateModelOptions, createModel, evalConfig, imagenet1k, modelInfo } from '@scanline/zoo'
import { type Prediction, topK } from './top-k.js'

export interface ClassifierOptions extends Pick<CreateModelOptions, 'weights' | 'averaged' | 'hub' | 'onProgress' | 'signal'> {
  /** A name of `@scanline/zoo`. */
  readonly model: string
  /** Where it runs. Without it the fastest device that runs is opened, and disposed together with the classifier. */
  readonly device?: Backend
  /** A name for every output, in order. Default: ImageNet's names for 1000 outputs, else the index. */
  readonly classes?: readonly string[]
  /** Height and width that images are brought to, in pixels. Default: the size of the model's best published figures. */
  readonly size?: number
}

export interface ClassifyOptions {
  /** How many classes to give: 5 unless told otherwise, all where there are fewer. */
  readonly topK?: number
}

/** A model with everything around it: the bytes of an image in, names and probabilities out. */
export interface Classifier {
  /** The model's full name. */
  readonly model: string
  readonly device: Backend
  /** Height, width. */
  readonly inputSize: readonly [number, number]
  readonly numClasses: number

  /**
   * What an image shows: the most probable classes, best first.
   *
   * @param image the bytes of a file (JPEG, PNG, WebP, BMP, PNM), or pixels.
   * @throws ImageError for bytes that are no image, or a damaged one.
   */
  classify(image: Uint8Array | Image, options?: ClassifyOptions): Promise<Prediction[]>
  /** Decodes an image and brings it to what the model reads: height * width * 3 normalized values. */
  prepare(image: Uint8Array | Image): Promise<Float32Array>
  /** Classifies prepared images in one run. A program is compiled for each number of images; the latest two are kept. */
  classifyPrepared(images: readonly Float32Array[], options?: ClassifyOptions): Promise<Prediction[][]>
  /** Frees the weights, the programs, and the device unless that was given. */
  dispose(): void
  [Symbol.dispose](): void
}

/**
 * Builds a classifier by the name of its model, with the published weights (downloaded once, then cached) or with one's own.
 *
 * Rejects with `UnknownModelError`, `ArgumentError` for class names that do not fit the weights, and what loading rejects with.
 *
 * @example
 * const classifier = await createClassifier({ model: 'mambaout_femto.in1k' })
 * const [best] = await classifier.classify(await readFile('cat.jpg'))
 * console.log(best.label, best.probability)
 */
export async function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  const { weights, averaged, hub, onProgress, signal, classes, size } = options
  const info = modelInfo(options.model)
  const transform = evalTransform(evalConfig(info, size))
  const device = options.device ?? (await openDevice())
  const freeDevice = (): void => {
    if (options.device === undefined) device.dispose()
  }
  let model: Backbone | undefined
  try {
    const settings: CreateModelOptions = {
      device,
      ...(weights ? { weights } : { pretrained: true }),
      ...(averaged !== undefined && { averaged }),
      ...(hub && { hub }),
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
      ...(size !== undefined && { imgSize: size }),
    }
    model = await createModel(info.name, settings)
    checkClasses(model.numClasses, classes)
  } catch (error) {
    model?.dispose()
    freeDevice()
    throw error
  }
  return new ModelClassifier({
    name: info.name,
    model,
    device,
    transform,
    labels: labelsFor(model.numClasses, classes),
    freeDevice,
  })
}

function checkClasses(outputs: number, classes: readonly string[] | undefined): void {
  if (outputs === 0) throw new ArgumentError('these weights have no classifier; use weights that have one')
  if (classes !== undefined && classes.length !== outputs)
    throw new ArgumentError(
      `${classes.length} class names do not fit weights with ${outputs} classes; name every class, in their order`,
    )
}

function labelsFor(outputs: number, classes: readonly string[] | undefined): readonly string[] {
  if (classes) return classes
  if (outputs === imagenet1k.length) return imagenet1k.map(({ name }) => name)
  return Array.from({ length: outputs }, (_, i) => String(i))
}

interface Parts {
  readonly name: string
  readonly model: Backbone
  readonly device: Backend
  readonly transform: ReturnType<typeof evalTransform>
  readonly labels: readonly string[]
  readonly freeDevice: () => void
}

class ModelClassifier implements Classifier {
  readonly #parts: Parts
  /** By number of images, the latest used last. */
  readonly #programs = new Map<number, Promise<Program<Tensor>>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }
  get model(): string {
    return this.#parts.name
  }
  get device(): Backend {
    return this.#parts.device
  }
  get inputSize(): readonly [number, number] {
    const [height, width] = this.#parts.transform.shape
    return [height, width]
  }
  get numClasses(): number {
    return this.#parts.labels.length
  }

  async classify(image: Uint8Array | Image, options?: ClassifyOptions): Promise<Prediction[]> {
    const [predictions] = await this.classifyPrepared([await this.prepare(image)], options)
    return predictions!
  }

  async prepare(image: Uint8Array | Image): Promise<Float32Array> {
    return this.#parts.transform(image instanceof Uint8Array ? await decodeImage(image) : image)
  }

  async classifyPrepared(images: readonly Float32Array[], { topK: k = 5 }: ClassifyOptions = {}): Promise<Prediction[][]> {
    if (!Number.isInteger(k) || k < 1) throw new ArgumentError(`topK must be a whole number from 1, got ${k}`)
    if (images.length === 0) return []
    const { device, transform, labels } = this.#parts
    const program = await this.#programFor(images.length)
    const batch = new Float32Array(images.length * transform.size)
    for (const [i, image] of images.entries()) batch.set(image, i * transform.size)
    using x = tensor(batch, { shape: [images.length, ...transform.shape], device })
    using y = program.run(x)
    const probabilities = (await y.data()) as Float32Array
    return images.map((_, i) =>
      topK(probabilities.subarray(i * labels.length, (i + 1) * labels.length), k, (index) => labels[index]!),
    )
  }

  #programFor(images: number): Promise<Program<Tensor>> {
    const { model, device, transform } = this.#parts
    const program =
      this.#programs.get(images) ??
      compile((x) => scope(() => softmax(model.forward(x))), [{ shape: [images, ...transform.shape], dtype: 'f32' }], { device })
    this.#programs.delete(images)
    this.#programs.set(images, program)
    const [oldest] = this.#programs
    // A full batch and a smaller last one.
    if (this.#programs.size > 2) this.#drop(oldest!)
    return program
  }
  #drop([images, program]: [number, Promise<Program<Tensor>>]): void {
    this.#programs.delete(images)
    program.then(
      (compiled) => compiled.dispose(),
      () => {},
    )
  }

  dispose(): void {
    for (const entry of [...this.#programs]) this.#drop(entry)
    this.#parts.model.dispose()
    this.#parts.freeDevice()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }
}
