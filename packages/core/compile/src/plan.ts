import type { Backend, ProgramSpec, Ref } from '@scanline/tensor'
import type { Location, Lowered } from './lower.js'
import { planArena } from './memory/arena.js'
import { planBuffers } from './memory/buffers.js'
import type { Lifetime } from './memory/lifetimes.js'

/** Gives every value of a lowered program its bytes: what is ready to be recorded. */
export function plan(lowered: Lowered, inputs: readonly number[], { capabilities }: Backend): ProgramSpec {
  const outputOf = new Map(lowered.outputs.map((buffer, k) => [buffer, k]))
  const planned = lowered.buffers.flatMap((_, buffer) => (outputOf.has(buffer) ? [] : [buffer]))
  const lifetimes = lifetimesOf(lowered)
  const kept = planned.map((buffer) => lifetimes[buffer])
  const { slots, places } = capabilities.memory === 'arena' ? planArena(kept, capabilities.alignment) : planBuffers(kept)
  const placeOf = new Map(planned.map((buffer, i) => [buffer, places[i]]))

  const ref = ({ from, index, offset }: Location): Ref => {
    if (from !== 'buffer') return { from, index, offset }
    const output = outputOf.get(index)
    if (output !== undefined) return { from: 'output', index: output, offset }
    const place = placeOf.get(index)!
    return { from: 'slot', index: place.slot, offset: place.offset + offset }
  }
  return {
    inputs,
    outputs: lowered.outputs.map((buffer) => lowered.buffers[buffer]),
    constants: lowered.constants,
    slots,
    steps: lowered.steps.map(({ launch, args }) => ({ launch, args: args.map(ref) })),
  }
}

function lifetimesOf({ buffers, steps }: Lowered): Lifetime[] {
  const lives = buffers.map((bytes) => ({ bytes, first: Number.POSITIVE_INFINITY, last: -1 }))
  steps.forEach(({ args }, step) => {
    for (const { from, index } of args) {
      if (from !== 'buffer') continue
      lives[index].first = Math.min(lives[index].first, step)
      lives[index].last = Math.max(lives[index].last, step)
    }
  })
  // Written by nobody (an empty tensor): it has no life and takes no room.
  return lives.map((life) => (life.last < 0 ? { bytes: 0, first: 0, last: 0 } : life))
}
