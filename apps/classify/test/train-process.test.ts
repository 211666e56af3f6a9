import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from './setup.js'
import { dataset, results, text, tiny } from './train-setup.js'

const folder = mkdtempSync(join(tmpdir(), 'scanline-classify-train-'))
const sources = fileURLToPath(new URL('../../..', import.meta.url))

let data = ''
/** What a run gives that nobody interrupts. */
let expected: Record<string, string> = {}
const started: ChildProcess[] = []

// The command and the threads that prepare images, made of the sources as they are now.
beforeAll(async () => {
  await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'error',
    resolve: { conditions: ['@scanline/source', 'node'] },
    ssr: { noExternal: true, resolve: { conditions: ['@scanline/source', 'node'] } },
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rolldownOptions: {
        input: { cli: 'src/cli.ts', 'worker.node': join(sources, 'packages/io/datasets/src/worker.node.ts') },
        output: { entryFileNames: '[name].js', chunkFileNames: '[name].js', format: 'es' },
      },
    },
  })
  data = dataset({ lasting: true })
  const output = join(folder, 'runs')
  const run = start(['train', data, ...flags, '--output', output, '--experiment', 'whole'])
  expect([await run.ended, run.output.stderr]).toEqual([0, ''])
  expected = results(join(output, 'whole'))
}, 180_000)
afterAll(() => rmSync(data, { recursive: true, force: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

interface Running {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<number | null>
}

function start(args: readonly string[], command: readonly string[] = []): Running {
  const [program, ...rest] = [...command, process.execPath, join(folder, 'cli.js'), ...args]
  const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk
    })
  return { child, output, ended: new Promise((resolve) => child.once('close', resolve)) }
}

/** Averages, mixing, drop path: all that has a state or draws. */
const flags = [
  ...['--model', 'test_mambaout', '--model-config', JSON.stringify(tiny.test_mambaout), '--recipe', 'small'],
  ...[
    '--img-size',
    '32',
    '-b',
    '4',
    '--grad-accum-steps',
    '2',
    '--epochs',
    '5',
    '--drop-path',
    '0.2',
    '--model-ema-decay',
    '0.9',
  ],
  ...['--mixup', '0.8', '--cutmix', '1', '--reprob', '0.25', '--aa', 'rand-m9-mstd0.5-inc1', '--set', 'mixOn=bytes'],
  ...['--checkpoint-hist', '2', '--device', 'wasm', '--threads', '1', '--workers', '1'],
]

describe('a run', () => {
  it('killed at any moment goes on to the same bytes', async () => {
    const output = temporaryFolder()
    expect(Object.keys(expected)).toEqual(expect.arrayContaining(['best.safetensors', 'last.safetensors', 'summary.csv']))
    const run = join(output, 'killed')
    let kills = 0
    for (let status: number | null = null; status === null; ) {
      const again = existsSync(join(run, 'args.yaml'))
      const {
        child,
        ended,
        output: said,
      } = start(
        again
          ? ['train', '--resume', run]
          : ['train', data, ...flags, '--recovery-interval', '2', '--output', output, '--experiment', 'killed'],
      )
      const before = readdirSync(output).length === 0 ? '' : lastChange(run)
      // Some time after it saved for the first time, so that every try gets further.
      const timer = setInterval(() => {
        if (kills < 4 && existsSync(run) && lastChange(run) !== before) {
          clearInterval(timer)
          setTimeout(() => child.kill('SIGKILL'), 23 * kills++)
        }
      }, 2)
      status = await ended
      clearInterval(timer)
      expect(said.stderr).toBe('')
    }
    expect(kills).toBeGreaterThan(2)
    expect(results(run)).toEqual(expected)
  }, 180_000)

  it('finishes its step and saves on Ctrl-C', async () => {
    const output = temporaryFolder()
    const { child, ended, output: said } = start(['train', data, ...flags, '--output', output, '--experiment', 'stopped'])
    child.stdout!.on('data', () => said.stdout.includes('epoch 1/5') && child.kill('SIGINT'))
    expect(await ended).toBe(130)
    expect(said.stderr).toMatch(/^stopped in epoch [23] after \d updates; --resume .*stopped goes on\n$/)
    const again = start(['train', '--resume', join(output, 'stopped')])
    expect([await again.ended, again.output.stderr]).toEqual([0, ''])
    expect(again.output.stdout).toMatch(/goes on in epoch [23]/)
    expect(results(join(output, 'stopped'))).toEqual(expected)
  }, 180_000)

  it.skipIf(process.platform === 'win32')(
    'loses no earlier checkpoint to a full disk',
    async () => {
      const output = temporaryFolder()
      const run = join(output, 'full')
      const first = start(['train', data, ...flags, '--output', output, '--experiment', 'full'])
      first.child.stdout!.on('data', () => first.output.stdout.includes('epoch 2/5') && first.child.kill('SIGINT'))
      await first.ended
      const before = checkpoints(run)
      // No file may grow beyond 8 blocks; a write that would is refused, as on a full disk.
      const full = start(['train', '--resume', run], ['bash', '-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'bash'])
      expect(await full.ended).toBe(1)
      expect(full.output.stderr).toMatch(
        /^error: .*safetensors: cannot be written \(EFBIG.*what was there before is unchanged\n$/,
      )
      expect(checkpoints(run)).toEqual(before)
      expect(readdirSync(run).filter((name) => name.endsWith('.tmp'))).toEqual([])
      const again = start(['train', '--resume', run])
      expect(await again.ended).toBe(0)
      expect(results(run)).toEqual(expected)
      expect(text(run, 'log.txt')).toContain('finished')
    },
    180_000,
  )
})

const checkpoints = (run: string) => Object.entries(results(run)).filter(([name]) => name.endsWith('.safetensors'))

/** Changes whenever the run was saved. */
function lastChange(run: string): string {
  if (!existsSync(join(run, 'last.safetensors'))) return ''
  return text(run, 'last.safetensors').slice(8, 400)
}
