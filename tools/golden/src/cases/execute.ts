import { compile } from '@scanline/compile'
import { scope, type Tensor } from '@scanline/tensor'
import type { Values } from '../compare.js'
import type { Device } from '../devices.js'
import type { Context, Run } from '../kind.js'

export interface Output {
  readonly shape: readonly number[]
  readonly values: Values
}

export type Outputs = ReadonlyMap<string, Output>

type Named = { readonly [name: string]: Tensor }

const runs: Readonly<
  Record<Run, <T extends Named>(device: Device, f: (...inputs: Tensor[]) => T, inputs: readonly Tensor[]) => Promise<Outputs>>
> = {
  eager: async (_, f, inputs) => read(scope(() => f(...inputs))),
  compiled: async ({ backend }, f, inputs) => {
    const program = await compile(f, inputs, { device: backend })
    try {
      return await read(program.run(...inputs))
    } finally {
      program.dispose()
    }
  },
}

/**
 * Runs a function in each of `modes`, and hands the values that it gives to `check`. A run that fails is a check that does
 * not hold, and leaves the other one alone.
 */
export async function execute(
  context: Context,
  name: string,
  f: (...inputs: Tensor[]) => Named,
  inputs: readonly Tensor[],
  check: (run: Run, outputs: Outputs) => void,
  modes: readonly Run[] = ['eager', 'compiled'],
): Promise<void> {
  for (const run of modes)
    await context.part(`${name}, ${run}`, async () => check(run, await runs[run](context.device, f, inputs)))
}

async function read(outputs: Named): Promise<Outputs> {
  const found = new Map<string, Output>()
  for (const [name, tensor] of Object.entries(outputs)) {
    found.set(name, { shape: tensor.shape, values: (await tensor.data()) as Values })
    tensor.dispose()
  }
  return found
}
