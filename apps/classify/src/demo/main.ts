import { spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDevice } from '@scanline/devices'
import { decodeImage, encodePng } from '@scanline/image'
import { Generator } from '@scanline/tensor'
import type { Prediction } from '../top-k.js'
import { makeCheckpoint, recipe } from './checkpoint.js'
import { contactSheet, type SheetEntry } from './contact-sheet.js'
import { drawScene, type SceneName, sceneNames } from './scenes.js'

const cli = fileURLToPath(new URL('../cli.js', import.meta.url))
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Pictures are shown to the classifier larger than it was trained on, so that it has to scale them as it would photographs. */
const pictureSide = 240
const picturesPerClass = 2

interface Results {
  readonly results: readonly { readonly file: string; readonly predictions?: readonly Prediction[]; readonly error?: string }[]
}

/**
 * Makes a checkpoint, classifies pictures with it through the command line, and draws a contact sheet, all in the folder `target`.
 * Gives the exit status.
 */
export async function demo(target: string, own: readonly string[]): Promise<number> {
  const started = performance.now()
  // Short in what is printed; every process here has the same working folder.
  const folder = relative(process.cwd(), target)
  const pictures = join(folder, 'pictures')
  await rm(folder, { recursive: true, force: true })
  await mkdir(pictures, { recursive: true })

  say(`Scanline demo: an image file goes in, class scores come out.

The published ImageNet weights are a download, so this demo makes a small checkpoint itself: it draws ${recipe.training} pictures
of six patterns, trains the smallest MambaOut (${recipe.model}) on them from scratch, here, and then
classifies pictures that the model has not seen, with the real command line. It knows these six patterns and nothing else.
`)
  const weights = join(folder, 'patterns.safetensors')
  const classes = join(folder, 'classes.txt')
  const device = await openDevice()
  const threads = device.capabilities.threads
  say(`1. Training on ${device.name}, ${threads} thread${threads === 1 ? '' : 's'}, until the mean loss is low`)
  try {
    const { parameters, accuracy } = await makeCheckpoint(weights, device, (epoch, loss) =>
      say(`   pass ${epoch}: mean loss ${loss.toFixed(3)}, ${seconds(started)}`),
    )
    const percent = (100 * accuracy).toFixed(1)
    say(
      `   ${percent} % of ${recipe.heldOut} held-out pictures right; ${parameters.toLocaleString('en')} parameters in ${weights}\n`,
    )
  } finally {
    device.dispose()
  }
  await writeFile(classes, `${sceneNames.join('\n')}\n`)
  const truths = await drawPictures(pictures)

  const options = ['--model', recipe.model, '--weights', weights, '--classes', classes, '--size', String(recipe.size)]
  const inputs = [pictures, ...own]
  const command = ['predict', ...inputs, ...options]
  say(`2. Classifying\n\n   $ scanline-classify ${command.join(' ')} --topk 3\n`)
  const shown = await run([...command, '--topk', '3'], 'inherit')
  const { stdout } = await run([...command, '--json'], 'pipe')

  const entries = await sheetEntries(JSON.parse(stdout) as Results, truths)
  const known = entries.filter(({ truth }) => truth !== undefined)
  const right = known.filter(({ truth, predictions }) => predictions[0]!.label === truth).length
  const sheet = join(folder, 'contact-sheet.png')
  const subtitle = `${recipe.model}, trained for this demo on ${recipe.training} drawn pictures. ${right} of ${known.length} unseen pictures right.`
  await writeFile(sheet, contactSheet(entries, { title: 'What the classifier sees', subtitle }))
  say(`
3. The contact sheet: ${sheet}  (${right} of ${known.length} pictures right)

With the published ImageNet weights (29 MB, downloaded once, from the Hugging Face hub):

   npm run classify -- predict photo.jpg --model mambaout_femto.in1k

or, without a network, with a file of them that you have:

   npm run classify -- predict photo.jpg --model mambaout_femto.in1k --weights model.safetensors

Done in ${seconds(started)}.`)
  return shown.status
}

/** Writes unseen pictures; gives the right answers by path. */
async function drawPictures(folder: string): Promise<Map<string, SceneName>> {
  const random = new Generator(2024)
  const truths = new Map<string, SceneName>()
  for (const name of sceneNames) {
    for (let i = 1; i <= picturesPerClass; i++) {
      const path = join(folder, `${name.replaceAll(' ', '-')}-${i}.png`)
      await writeFile(path, encodePng(drawScene(name, random, pictureSide)))
      truths.set(path, name)
    }
  }
  return truths
}

async function sheetEntries({ results }: Results, truths: ReadonlyMap<string, string>): Promise<SheetEntry[]> {
  const entries: SheetEntry[] = []
  for (const { file, predictions } of results) {
    // Addresses are in the table only: they would be downloaded again for their picture.
    if (predictions === undefined || /^https?:/i.test(file)) continue
    const truth = truths.get(file)
    const image = await decodeImage(await readFile(file))
    entries.push({ image, caption: basename(file), predictions, ...(truth !== undefined && { truth }) })
  }
  return entries
}

/** A second process, as a user would start it. */
function run(args: readonly string[], output: 'inherit' | 'pipe'): Promise<{ status: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      stdio: ['ignore', output, output === 'inherit' ? 'inherit' : 'ignore'],
    })
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ status: code ?? 1, stdout }))
  })
}

const seconds = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`
