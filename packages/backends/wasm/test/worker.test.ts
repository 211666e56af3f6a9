import { expect, test } from 'vitest'
import { control } from '../src/control.js'
import { workerSource } from '../src/worker.js'

/** The worker's program with its surroundings played by a test. */
function worker(atomics: Record<string, unknown>, instances: object): (message: unknown) => void {
  let deliver: (message: unknown) => void = () => {}
  const make = new Function('send', 'receive', 'Atomics', 'WebAssembly', workerSource) as (...surroundings: unknown[]) => void
  const receive = (listener: (message: unknown) => void) => {
    deliver = listener
  }
  make(() => {}, receive, atomics, instances)
  return deliver
}

test('a job that is published while a worker looks for mail is run only after its program arrived', () => {
  // Between any two looks at the shared words, the main thread may have got as far as it likes.
  for (let moment = 1; moment < 12; moment++) {
    const ran: number[] = []
    let looks = 0
    const words = new Int32Array(1024)
    const publish = () => {
      words[control.mail / 4] = 1
      words[control.job / 4] = 1
      words[control.wake / 4] += 2
    }
    const sleep = () => {
      throw new Error('asleep')
    }
    const deliver = worker(
      {
        load: (_: Int32Array, at: number) => {
          if (++looks === moment) publish()
          return words[at]
        },
        add: () => 0,
        sub: () => 0,
        store: (_: Int32Array, at: number, value: number) => {
          words[at] = value
        },
        wait: sleep,
      },
      {
        Instance: class {
          exports = { run: (index: number) => ran.push(index) }
        },
      },
    )
    const program = { id: 0, module: {} }
    // Returns for its mail, or, once there is nothing more to do, falls asleep.
    deliver({ memory: { buffer: words.buffer }, index: 1 })
    expect(ran).toEqual([])
    expect(() => deliver(program)).toThrow('asleep')
    expect(ran).toEqual([1])
  }
})
