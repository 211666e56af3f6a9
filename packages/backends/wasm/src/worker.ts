import { control } from './control.js'

/**
 * The program of a worker thread, as text so that there is no file to locate. It lives in `serve`: it spins for a
 * while, then sleeps, until there is a job (a program that every thread runs its share of) or mail, for which it
 * returns to its event loop. `send` and `receive` are put before it by the host.
 */
export const workerSource = `
let words, memory, index, received = 0, done = 0
const programs = new Map()
const at = ${JSON.stringify(Object.fromEntries(Object.entries(control).map(([name, address]) => [name, address / 4])))}
const spins = 100000

const host = {
  pause(phase) {
    Atomics.add(words, at.napping, 1)
    Atomics.wait(words, at.phase, phase, 10)
    Atomics.sub(words, at.napping, 1)
    if (Atomics.load(words, at.lost) !== 0) throw new Error('another thread failed')
  },
}

function serve() {
  for (;;) {
    const wake = Atomics.load(words, at.wake)
    // The job first: mail is counted before the job that needs it, so that whoever sees the job sees its mail too.
    const job = Atomics.load(words, at.job)
    if (received < Atomics.load(words, at.mail)) return
    if (done < job) {
      done++
      programs.get(Atomics.load(words, at.program)).run(index, Atomics.load(words, at.table))
      continue
    }
    let spin = 0
    while (spin < spins && Atomics.load(words, at.wake) === wake) spin++
    if (spin < spins) continue
    Atomics.add(words, at.sleepers, 1)
    Atomics.wait(words, at.wake, wake)
    Atomics.sub(words, at.sleepers, 1)
  }
}

receive((message) => {
  if (message.memory) {
    memory = message.memory
    index = message.index
    words = new Int32Array(memory.buffer, 0, 1024)
    send('ready')
  } else {
    received++
    if (message.module) programs.set(message.id, new WebAssembly.Instance(message.module, { env: { memory }, host, Math }).exports)
    else programs.delete(message.id)
  }
  try {
    serve()
  } catch (error) {
    Atomics.store(words, at.lost, 1)
    throw error
  }
})
`
