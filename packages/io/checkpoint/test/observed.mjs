// Runs in a process of its own, under Node's permission model: reads the files of argv and reports what came of each.
import { execSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import net from 'node:net'

const [reader, canary, ...files] = process.argv.slice(2)
const incidents = []

// The permission model refuses processes, workers and writes; the network it does not know.
for (const [object, name] of [
  [net.Socket.prototype, 'connect'],
  [globalThis, 'fetch'],
  [globalThis, 'eval'],
])
  object[name] = () => {
    incidents.push(name)
    throw new Error(`${name} was used`)
  }
process.binding = process.dlopen = () => incidents.push('native code')

if (canary === 'canary')
  for (const act of [
    () => execSync('true'),
    () => writeFileSync('touched', ''),
    () => new Function('return 1')(),
    () => fetch('http://localhost'),
  ])
    try {
      act()
      incidents.push('nothing was noticed')
    } catch (error) {
      incidents.push(error.code ?? error.name)
    }

const { openCheckpointFile } = await import(reader)
const outcomes = {}
for (const file of files)
  try {
    const checkpoint = await openCheckpointFile(file)
    for (const entry of checkpoint.tensors.values()) await entry.read()
    await checkpoint.close()
    outcomes[file] = 'decoded'
  } catch (error) {
    outcomes[file] = error.name === 'CheckpointError' ? error.code : `${error.name}: ${error.message}`
  }
console.log(
  JSON.stringify({
    outcomes,
    incidents,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    handles: process.getActiveResourcesInfo(),
  }),
)
