// The one entry of every root script. It needs only Node and npm: it starts the pinned pnpm, installs when the lockfile
// is newer than the last install, builds what changed, and then runs the task.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

// Ctrl-C reaches the running command too; this process waits for its end, so that the shell does not come back before.
process.on('SIGINT', () => {})

/** What compiles native code here; turbo builds that again when it changes. */
const cxx = process.env.CXX ?? 'g++'
const compiler = spawnSync(cxx, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? ''
const quiet = {
  ...process.env,
  npm_config_update_notifier: 'false',
  TURBO_TELEMETRY_DISABLED: '1',
  SCANLINE_COMPILER: `${compiler}, ${process.platform}-${process.arch}`,
}

function run(command, args, { env = quiet, output = 'inherit', cwd = root } = {}) {
  const quietly = output === 'on failure'
  const result = spawnSync(command, args, {
    cwd,
    stdio: quietly ? ['inherit', 'pipe', 'pipe'] : ['inherit', output, 'inherit'],
    env,
    shell: process.platform === 'win32',
    maxBuffer: 2 ** 28,
  })
  if (result.error) throw result.error
  if (result.status === 0) return
  if (quietly) process.stderr.write(`${result.stdout}${result.stderr}`)
  process.exit(result.status ?? 1)
}

const pnpm = (args, options) => run('npm', ['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', ...args], options)
// Where npm was called: paths that a user gives are relative to it.
const node = (script, args = []) => run(process.execPath, [join(root, script), ...args], { cwd: process.env.INIT_CWD ?? root })

function install() {
  const stamp = join(root, 'node_modules', '.scanline-install')
  const lockfile = join(root, 'pnpm-lock.yaml')
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lockfile).mtimeMs) return
  pnpm(['install', '--frozen-lockfile', '--prefer-offline'], { output: 2 })
  writeFileSync(stamp, '')
}

// stdout belongs to the task (`--json` must stay parseable): the installation speaks on stderr, the build only if it fails.
function build() {
  pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--log-order=grouped'], { output: 'on failure' })
  if (compiler === '' && ['build', 'test'].includes(name))
    console.error(`there is no ${cxx}, so the native device (cpu) was not built; all else works, on wasm`)
}

function check() {
  pnpm(['exec', 'biome', 'check', '--error-on-warnings', '.'])
  node('scripts/check-floors.mjs')
  pnpm(['exec', 'tsc', '-p', 'tsconfig.json'])
}

const tasks = {
  build() {},
  check,
  format: () => pnpm(['exec', 'biome', 'check', '--write', '.']),
  test(args) {
    if (args.length === 0) check()
    pnpm(['exec', 'vitest', 'run', ...args])
    if (args.length === 0) pnpm(['exec', 'node', 'scripts/check-packages.mjs'])
  },
  demo: (args) => node('scripts/demo.mjs', args),
  classify: (args) => node('apps/classify/dist/cli.js', args),
  golden: (args) => node('tools/golden/dist/cli.js', args),
  bench: (args) => node('tools/bench/dist/cli.js', args),
  shapes: (args) => node('tools/shapes-dataset/dist/cli.js', args),
  cost: (args) => node('tools/cost/dist/cli.js', args),
  release: (args) => pnpm(['exec', 'changeset', ...args]),
}

const [name, ...args] = process.argv.slice(2)
if (!Object.hasOwn(tasks, name)) {
  console.error(`unknown task "${name}"; one of: ${Object.keys(tasks).join(', ')}`)
  process.exit(2)
}
install()
build()
tasks[name](args)
