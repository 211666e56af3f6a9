import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EpochSummary } from '@scanline/metrics'
import type { UpdateReport } from '@scanline/train'
import type { Io } from '../io.js'
import { progressOn } from '../progress.js'

/** What a run says: a line for each epoch on stdout and in `log.txt`, and between them a progress bar on a terminal. */
export class RunConsole {
  readonly #io: Io
  readonly #log: string
  readonly #bar: ReturnType<typeof progressOn>
  #imagesPerUpdate = 0
  #updatesPerEpoch = 0
  #epochs = 0
  #toJudge = 0
  /** Of the updates since the last one of an earlier epoch, without validation. */
  #since = performance.now()
  #images = 0
  #judged = 0
  #rate = 0
  /** Milliseconds of the epoch so far, and of those the ones that were spent on getting images. */
  #elapsed = 0
  #input = 0

  constructor(folder: string, io: Io) {
    this.#io = io
    this.#log = join(folder, 'log.txt')
    this.#bar = progressOn(io.stderr, 'images')
  }

  /** One line that stays. */
  line(text: string): void {
    this.#bar.clear()
    this.#io.stdout.write(`${text}\n`)
    this.note(text)
  }
  /** For `log.txt` only. */
  note(text: string): void {
    appendFileSync(this.#log, `${text}\n`)
  }
  /** On stderr and in the log. */
  warn(text: string): void {
    this.#bar.clear()
    this.#io.stderr.write(`${text}\n`)
    this.note(text)
  }

  begin(run: {
    readonly imagesPerUpdate: number
    readonly updatesPerEpoch: number
    readonly epochs: number
    /** Images of a validation, twice where averaged weights are judged too. */
    readonly toJudge: number
  }): void {
    this.#imagesPerUpdate = run.imagesPerUpdate
    this.#updatesPerEpoch = run.updatesPerEpoch
    this.#epochs = run.epochs
    this.#toJudge = run.toJudge
    this.#since = performance.now()
  }

  update({ epoch, update, loss }: UpdateReport): void {
    this.#images += this.#imagesPerUpdate
    this.#elapsed = performance.now() - this.#since
    this.#rate = this.#images / (this.#elapsed / 1000)
    this.#judged = 0
    const done = epoch * this.#updatesPerEpoch + update + 1
    // The bar is that of the whole run, so that its time left is too.
    this.#bar.update(
      done * this.#imagesPerUpdate,
      this.#epochs * this.#updatesPerEpoch * this.#imagesPerUpdate,
      `epoch ${epoch + 1}/${this.#epochs} loss ${loss.toFixed(3)} ${this.#rate.toFixed(0)} images/s`,
    )
  }

  input(ms: number): void {
    this.#input += ms
  }

  evaluate(images: number): void {
    if (this.#judged === 0) this.#bar.clear()
    this.#judged += images
    this.#bar.update(this.#judged, this.#toJudge, 'validating')
  }

  epoch({ epoch, train, eval: found, lr }: EpochSummary, best: boolean): void {
    const { loss, top1, top5, plain_top1: plain } = found
    this.line(
      [
        `epoch ${epoch + 1}/${this.#epochs}`,
        `train loss ${train['loss']!.toFixed(4)}`,
        `val loss ${loss!.toFixed(4)}`,
        `top-1 ${top1!.toFixed(2)} %${plain === undefined ? '' : ` (plain ${plain.toFixed(2)} %)`}`,
        `top-5 ${top5!.toFixed(2)} %`,
        `lr ${lr!.toExponential(2)}`,
        `${this.#rate.toFixed(1)} images/s`,
        `input ${((100 * this.#input) / this.#elapsed).toFixed(0)} %${best ? '  best' : ''}`,
      ].join('  '),
    )
    this.#images = 0
    this.#input = 0
    this.#judged = 0
    this.#since = performance.now()
  }
  end(): void {
    this.#bar.clear()
  }
}
