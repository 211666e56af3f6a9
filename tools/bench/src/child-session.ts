import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { BenchError } from './errors.js'
import type { Session } from './session.js'

export interface Request {
  readonly method: keyof Session
  readonly args: readonly unknown[]
}
export type Answer = { readonly value: unknown } | { readonly error: string }

/** A session in a fresh process. `close()` ends it; so does `signal`. */
export function childSession(signal?: AbortSignal): Session {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), { serialization: 'advanced', execArgv: [] })
  const stop = (): boolean => child.kill('SIGKILL')
  signal?.addEventListener('abort', stop)
  child.once('exit', () => signal?.removeEventListener('abort', stop))
  const call =
    (method: keyof Session) =>
    (...args: unknown[]): Promise<never> =>
      ask(child, { method, args })
  return {
    open: call('open'),
    warmUp: call('warmUp'),
    round: call('round'),
    memory: call('memory'),
    profile: call('profile'),
    prepare: call('prepare'),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await ended
    },
  }
}

function ask(child: ChildProcess, request: Request): Promise<never> {
  return new Promise((resolve, reject) => {
    const ended = (): void => {
      settle()
      reject(new BenchError(`the process that was measured ended early (${child.signalCode ?? `exit code ${child.exitCode}`})`))
    }
    const answered = (answer: Answer): void => {
      settle()
      if ('error' in answer) reject(new BenchError(answer.error))
      else resolve(answer.value as never)
    }
    const settle = (): void => {
      child.off('exit', ended)
      child.off('message', answered as never)
    }
    if (child.exitCode !== null || child.signalCode !== null) return ended()
    child.once('exit', ended)
    child.on('message', answered as never)
    child.send(request)
  })
}
